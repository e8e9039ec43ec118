"""Messages that nobody has taken: seen, sent again, deleted."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.operations.messages import drop_message, send_again
from bihuan.operations.pages.kept_messages import kept_messages
from bihuan.web.http import actor_of, go, page, signed_in


@require_http_methods(["GET", "POST"])
@signed_in
def listing(request: HttpRequest) -> HttpResponse:
    """All of the sites one may look at."""
    actor = actor_of(request)
    if request.method == "POST":
        here, number = reverse("processes:messages"), request.POST.get("message", "")
        message_id = int(number) if number.isascii() and number.isdigit() and len(number) < 18 else 0
        try:
            if request.POST.get("how") == "again":
                sent = send_again(message_id, actor=actor)
                return go(request, here, "已送到" if sent.reached else "还是没有人在等，又保留七天")
            drop_message(message_id, reason=request.POST.get("reason", ""), actor=actor)
        except NotAllowed:
            raise
        except BusinessError as error:
            return go(request, here, error.message, tone="bad")
        return go(request, here, "消息已删除")
    return page(request, "processes/messages.html", {"found": kept_messages(actor=actor)})
