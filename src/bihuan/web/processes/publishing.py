"""Publishing a new version of a process: the file is checked and compared, looked at, then confirmed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from bihuan.kernel.errors import BusinessError, NotAllowed, NotFound
from bihuan.operations.process_drafts import check_draft, draft_of, publish_draft
from bihuan.web.http import actor_of, go, page, signed_in


@require_http_methods(["GET", "POST"])
@signed_in
def publish(request: HttpRequest, key: str) -> HttpResponse:
    """Choose a file; look at what it would mean; publish it."""
    actor, upload, text = actor_of(request), request.FILES.get("file"), request.POST.get("text", "")
    problem: BusinessError | None = None
    shown = draft_of(key, actor=actor)
    try:
        if request.method == "POST" and text:
            number = request.POST.get("expected", "")
            expected = int(number) if number.isdecimal() and len(number) < 9 else 0
            made = publish_draft(key, text, expected=expected, actor=actor)
            return go(request, reverse("processes:detail", args=(key,)), f"第 {made.number} 版已生效，新发起的按它走")
        if request.method == "POST":
            if upload is None:
                raise BusinessError("请选择 BPMN 文件", "file")
            shown = check_draft(key, upload.read(), actor=actor)
    except (NotAllowed, NotFound):
        raise
    except BusinessError as error:
        problem = error
    refused = problem is not None or bool(shown.problems)
    context = {"shown": shown, "problem": problem}
    return page(request, "processes/publish.html", context, status=422 if refused else 200)
