"""The door for gateways that tell afterwards what became of a message: POST /hooks/channels/7, see docs/notices.md."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.notify.channels.transport import Callback
from bihuan.operations.customer_replies import take_callback
from bihuan.web.http import status_of


@csrf_exempt
@require_POST
def callback(request: HttpRequest, channel_id: int) -> HttpResponse:
    """What a gateway tells about its messages; the secret, the shape and the size are the channel's to judge."""
    try:
        sent = Callback(
            request.body, request.content_type or "",
            {name.lower(): value for name, value in request.headers.items()}, request.GET.dict(),
        )  # fmt: skip
        answer, status = take_callback(channel_id, sent), 200
    except RequestDataTooBig:
        answer, status = "内容太大", 413
    except NotAllowed as error:
        answer, status = error.message, 401
    except BusinessError as error:
        answer, status = error.message, status_of(error)
    shape = "application/json" if answer.startswith(("{", "[")) else "text/plain; charset=utf-8"
    return HttpResponse(answer, content_type=shape, status=status)
