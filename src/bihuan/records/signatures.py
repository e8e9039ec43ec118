"""Signatures given on screen, as a PNG or as pen strokes; always drawn anew before they are kept."""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
from typing import Any

from django.db import transaction
from PIL import Image, ImageDraw

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.org.actor import Actor
from bihuan.records.access import lock_case, note_on_case, optional_text, required_text
from bihuan.records.attachments import keep_file
from bihuan.records.media import CleanFile, open_image
from bihuan.records.models import Signature

MAX_DRAWING_CHARACTERS = 400_000
_PNG = "data:image/png;base64,"
_PAPER = (600, 200)
_MAX_PIXELS = 4_000_000
_MAX_STROKES = 500
_MAX_POINTS = 20_000
_LEAST_INK = 20


@transaction.atomic
def sign(
    case_id: int,
    kind: str,
    *,
    signer: str,
    drawing: str,
    actor: Actor,
    summary: str = "",
    action: str = "case.view",
) -> Signature:
    """Keep a signature on a case: who signed and, in a line with its sums, what. An empty drawing is refused."""
    case = lock_case(case_id, actor=actor, action=action)
    name = required_text(signer, label="签署人姓名", field="signer", limit=80)
    text = optional_text(summary, label="签署摘要", field="summary", limit=400)
    picture = read_drawing(drawing)
    attachment = keep_file(case, f"signature.{kind}", picture, name=f"{name}签名", actor=actor)
    signature = Signature.objects.create(
        case=case, kind=kind[:40], signer=name, summary=text, attachment=attachment, at=clock.now(), by_id=actor.user_id
    )
    shown = {"signature": signature.pk, "kind": kind, "signer": name, "summary": text, "sha256": attachment.sha256}
    note_on_case(actor, "case.signed", case, data=shown)
    return signature


def read_drawing(drawing: str) -> CleanFile:
    """The signature as a bare PNG, from a PNG data address or from strokes ([[{x, y}, …], …] or [[x, y], …])."""
    text = (drawing or "").strip()
    if not text:
        raise BusinessError("请签名", "signature")
    if len(text) > MAX_DRAWING_CHARACTERS:
        raise BusinessError("签名数据太大，请重新签名", "signature")
    image = _from_png(text) if text.startswith("data:") else _from_strokes(text)
    if _ink(image) < _LEAST_INK:
        raise BusinessError("签名是空白的，请重新签名", "signature")
    target = io.BytesIO()
    image.save(target, format="PNG", optimize=True)
    return CleanFile(target.getvalue(), "image/png")


def _from_png(text: str) -> Image.Image:
    if not text.startswith(_PNG):
        raise BusinessError("签名格式不对，请重新签名", "signature")
    try:
        content = base64.b64decode(text[len(_PNG) :], validate=True)
    except (binascii.Error, ValueError):
        raise BusinessError("签名数据损坏，请重新签名", "signature") from None
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        raise BusinessError("签名格式不对，请重新签名", "signature")
    try:
        drawn = open_image(content, max_pixels=_MAX_PIXELS).convert("RGBA")
    except BusinessError:
        raise BusinessError("签名数据损坏，请重新签名", "signature") from None
    paper = Image.new("RGB", drawn.size, "white")
    paper.paste(drawn, mask=drawn.getchannel("A"))
    paper.thumbnail((1200, 600))
    return paper


def _from_strokes(text: str) -> Image.Image:
    try:
        strokes = [_points(stroke) for stroke in _listed(json.loads(text))]
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        raise BusinessError("签名数据损坏，请重新签名", "signature") from None
    points = [point for stroke in strokes for point in stroke]
    if len(strokes) > _MAX_STROKES or len(points) > _MAX_POINTS:
        raise BusinessError("签名笔画太多，请重新签名", "signature")
    paper = Image.new("RGB", _PAPER, "white")
    if not points:
        return paper
    left, top = min(x for x, _ in points), min(y for _, y in points)
    width = max(max(x for x, _ in points) - left, 1.0)
    height = max(max(y for _, y in points) - top, 1.0)
    scale = min((_PAPER[0] - 20) / width, (_PAPER[1] - 20) / height, 4.0)
    pen = ImageDraw.Draw(paper)
    for stroke in strokes:
        placed = [(10 + (x - left) * scale, 10 + (y - top) * scale) for x, y in stroke]
        if len(placed) == 1:
            x, y = placed[0]
            pen.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill="black")
        elif placed:
            pen.line(placed, fill="black", width=3, joint="curve")
    return paper


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("strokes are a list")
    return value


def _points(stroke: Any) -> list[tuple[float, float]]:
    found = []
    for point in _listed(stroke["points"] if isinstance(stroke, dict) else stroke):
        x, y = (point["x"], point["y"]) if isinstance(point, dict) else (point[0], point[1])
        pair = (float(x), float(y))
        if not all(math.isfinite(value) and abs(value) < 1e5 for value in pair):
            raise ValueError("a point off the paper")
        found.append(pair)
    return found


def _ink(image: Image.Image) -> int:
    """How many pixels are clearly darker than paper."""
    return sum(image.convert("L").histogram()[:160])
