"""The door for telephone systems: POST /hooks/calls, see docs/telephone.md."""

from __future__ import annotations

import hmac
import json
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from bihuan.kernel.errors import BusinessError
from bihuan.operations.desk.telephone import take_call_event
from bihuan.web.http import status_of

LARGEST = 8 * 1024


@csrf_exempt
@require_POST
def calls(request: HttpRequest) -> JsonResponse:
    """One event of one call, as JSON, with the site's secret as bearer token."""
    content = request.body if len(request.body) <= LARGEST else b""
    try:
        sent = json.loads(content)
    except ValueError:
        sent = None
    if not isinstance(sent, dict):
        return _refused("请求应是不超过 8 KB 的 JSON 对象", 400)
    told = {key: str(sent.get(key) or "")[:80] for key in ("site", "event", "id", "phone", "user", "at")}
    if not _knows_secret(request, told["site"]):
        return _refused("门店或密钥不对", 401)
    try:
        call = take_call_event(
            told["site"],
            event=told["event"],
            external_id=told["id"],
            phone=told["phone"],
            username=told["user"],
            at=_moment(told["at"]),
        )
    except BusinessError as error:
        return _refused(error.message, status_of(error), error.field)
    return JsonResponse({"call": call.pk, "outcome": call.outcome})


def _knows_secret(request: HttpRequest, site_code: str) -> bool:
    """Compared in constant time; a site without a secret takes no events."""
    secret = settings.BIHUAN_CALL_SECRETS.get(site_code, "")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BusinessError("at 应是带时区的 ISO 8601 时间，例如 2026-11-24T09:00:00+08:00", "at")
    return at


def _refused(message: str, status: int, field: str | None = None) -> JsonResponse:
    return JsonResponse({"message": message, "field": field}, status=status)
