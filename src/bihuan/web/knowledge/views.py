"""The notes, and the page of one with its history."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.records.knowledge import note_history, read_note, save_note
from bihuan.records.models import KnowledgeNote
from bihuan.web.http import actor_of, go, page, signed_in


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """Every note by its title; open to everybody who works here."""
    actor_of(request)
    return page(request, "knowledge/list.html", {"notes": KnowledgeNote.objects.order_by("title")})


@require_http_methods(["GET", "POST"])
@signed_in
def note(request: HttpRequest, key: str) -> HttpResponse:
    """One note; those who keep the knowledge edit it here."""
    actor = actor_of(request)
    shown = read_note(key)
    problem: BusinessError | None = None
    if request.method == "POST":
        number = request.POST.get("version", "")
        try:
            save_note(
                key,
                actor=actor,
                title=request.POST.get("title", ""),
                body=request.POST.get("body", ""),
                expected_version=int(number) if number.isdecimal() and len(number) < 9 else 0,
            )
        except NotAllowed:
            raise
        except BusinessError as error:
            problem = error
        else:
            return go(request, reverse("knowledge:note", args=(key,)), "知识已保存")
    typed = {"title": shown.title, "body": shown.body}
    if problem:
        typed = {name: request.POST.get(name, "") for name in typed}
    context = {"note": shown, "typed": typed, "problem": problem, "history": note_history(key)}
    return page(request, "knowledge/note.html", context, status=422 if problem else 200)
