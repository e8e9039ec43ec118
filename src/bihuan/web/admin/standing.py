"""Who heads what, who answers to whom, who stands in, user groups, and which roles work by duty."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.pages.standing import standing_page
from bihuan.org.actor import Actor
from bihuan.org.duty import standing
from bihuan.org.grants import set_role_duty
from bihuan.web.admin.tabs import tabs_for
from bihuan.web.http import actor_of, go, page, signed_in

PARTS = {
    "heads": "负责人", "superiors": "直接上级", "posts": "岗位替补", "groups": "用户组", "roles": "按值班派活",
}  # fmt: skip
PART_OF = {
    "site": "heads", "department": "heads", "superior": "superiors", "post": "posts", "group": "groups",
    "new-group": "groups", "role": "roles",
}  # fmt: skip


@require_GET
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """One part of it for the present site; which one stands in the address."""
    return _draw(request, request.GET.get("part", ""))


@require_POST
@signed_in
def change(request: HttpRequest, deed: str) -> HttpResponse:
    """One change; a refusal is shown above the page."""
    try:
        said = _change(deed, request, actor_of(request))
    except (NotAllowed, NotFound):
        raise
    except BusinessError as problem:
        return _draw(request, PART_OF[deed], problem)
    return go(request, f"{reverse('admin:standing')}?part={PART_OF[deed]}", said)


def _change(deed: str, request: HttpRequest, actor: Actor) -> str:
    post, chosen = request.POST, _number(request, "person")
    if deed == "site":
        standing.set_site_head(actor.site_id or 0, head_id=chosen, actor=actor)
        return "门店负责人已保存"
    if deed == "department":
        made = standing.set_department_head(_number(request, "department") or 0, head_id=chosen, actor=actor)
        return f"{made.name}的负责人已保存"
    if deed == "superior":
        standing.set_superior(_number(request, "of") or 0, superior_id=chosen, actor=actor)
        return "上级已保存"
    if deed == "post":
        position_id = _number(request, "position") or 0
        standing.set_rank(position_id, rank=_number(request, "rank") or 0, actor=actor)
        people = [int(text) for text in post.getlist("stand_in") if text.isdecimal() and len(text) < 12]
        standing.set_stand_ins(position_id, user_ids=people, actor=actor)
        return "职级与替补已保存"
    if deed == "new-group":
        made_group = standing.create_group(post.get("key", "").strip(), name=post.get("name", ""), actor=actor)
        return f"用户组“{made_group.name}”已建立"
    if deed == "group":
        members = [int(text) for text in post.getlist("member") if text.isdecimal() and len(text) < 12]
        group = standing.set_members(_number(request, "group") or 0, user_ids=members, actor=actor)
        return f"用户组“{group.name}”的成员已保存"
    if deed == "role":
        role = set_role_duty(
            post.get("role", ""), by_duty=post.get("by_duty") == "1", desk=post.get("desk", ""), actor=actor
        )  # fmt: skip
        return f"{role.name}的值班方式已保存"
    raise NotFound("没有这个操作")


def _draw(request: HttpRequest, part: str, problem: BusinessError | None = None) -> HttpResponse:
    actor = actor_of(request)
    shown = standing_page(actor=actor)
    there = [key for key in PARTS if key != "roles" or shown.may_set_roles]
    part = part if part in there else there[0]
    here = reverse("admin:standing")
    context = {
        "tabs": tabs_for(actor, "standing"), "shown": shown, "problem": problem, "part": part,
        "parts": [{"label": PARTS[key], "href": f"{here}?part={key}", "current": key == part} for key in there],
    }  # fmt: skip
    return page(request, "admin/standing.html", context, status=422 if problem else 200)


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.POST.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 12 else None
