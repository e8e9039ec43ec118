"""Reading and keeping the notes that steps show (AUTO-21)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from bihuan.kernel.errors import BusinessError
from bihuan.records.access import require_anywhere
from bihuan.records.knowledge import all_notes, note_history, read_note, save_note
from bihuan.web.http import actor_of, go, page, signed_in, status_of
from bihuan.web.tasks.prose import prose


@require_GET
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """All notes."""
    require_anywhere(actor_of(request), "case.view")
    return page(request, "knowledge/list.html", {"notes": all_notes()})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def note(request: HttpRequest, key: str) -> HttpResponse:
    """One note with its history; those who keep the knowledge may change it."""
    actor = actor_of(request)
    require_anywhere(actor, "case.view")
    found = read_note(key)
    typed = {"title": found.title, "body": found.body, "version": str(found.version)}
    error: BusinessError | None = None
    if request.method == "POST":
        typed = {name: request.POST.get(name, "")[:120_000] for name in typed}
        version = int(typed["version"]) if typed["version"].isdecimal() and len(typed["version"]) < 9 else 0
        try:
            save_note(key, actor=actor, title=typed["title"], body=typed["body"], expected_version=version)
            return go(request, reverse("knowledge:note", args=(key,)), "已保存，维修环节里马上看到新内容")
        except BusinessError as refusal:
            error = refusal
    context = {
        "note": found,
        "shown": prose(found.body),
        "typed": typed,
        "error": error,
        "history": note_history(key),
        "may_edit": actor.can_anywhere("knowledge.manage"),
    }
    return page(request, "knowledge/note.html", context, status=status_of(error) if error else 200)
