"""Signatures and photos: bounded, recognised by their bytes and never by their name."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from typing import Any

from PIL import Image, ImageDraw, UnidentifiedImageError

from bihuan.forms.field import Field, FormContext, SignatureInput
from bihuan.forms.problems import FieldError
from bihuan.forms.raw import Raw
from bihuan.forms.scalars import plain_text

PNG_PREFIX = "data:image/png;base64,"
MAX_SIGNATURE_BYTES = 500_000
MAX_SIGNATURE_SIDE = 4096
MIN_INK_PIXELS = 40
MAX_PHOTO_BYTES = 12_000_000
MAX_PHOTO_PIXELS = 60_000_000
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP")
MAX_SIGNER = 40
MAX_RECORDING_BYTES = 30_000_000
RECORDING_STARTS = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"OggS", b"fLaC", b"#!AMR", b"\x1a\x45\xdf\xa3")


def clean_signature(field: Field, raw: Raw, context: FormContext) -> SignatureInput | None:
    """A drawn signature as a checked, re-encoded PNG with the signer's name; None when nobody signed.

    Instead of drawing, a photo of the paper signature may be uploaded. Plain values (a scenario) may name the
    signer only: that is kept as attested, never as drawn.
    """
    value = raw.one(field.key)
    signer = _signer(field, raw.one(f"{field.key}-signer"))
    if isinstance(value, Mapping):
        signer = _signer(field, value.get("signer") or value.get("name"))
        value = value.get("data_url") or value.get("png") or ""
        if not value and signer and not raw.is_browser:
            return _attested(signer)
    if isinstance(value, str) and value.strip():
        if value.startswith("data:"):
            return SignatureInput(_checked_png(field, value), signer)
        if raw.is_browser:
            raise FieldError(f"{field.label}：签名图像无法识别，请重新签名")
        return _attested(_signer(field, value))
    uploads = raw.uploads(f"{field.key}-paper") or raw.uploads(field.key)
    if uploads:
        return SignatureInput(_paper_signature(field, uploads[0]), signer)
    if value is True and not raw.is_browser:
        return _attested("")
    return None


def clean_photos(field: Field, raw: Raw, context: FormContext) -> list[Any]:
    """Uploaded pictures (JPEG, PNG or WebP by content), in the order taken, each rewound to its start.

    With the property `accept` set to `audio` the field takes sound recordings instead.
    """
    uploads = raw.uploads(field.key)
    if len(uploads) > field.rules.max_items:
        raise FieldError(f"{field.label}至多 {field.rules.max_items} 张，现有 {len(uploads)} 张")
    if uploads and len(uploads) < field.rules.min_items:
        raise FieldError(f"{field.label}至少 {field.rules.min_items} 张")
    wants_sound = field.properties.get("accept") == "audio"
    for number, upload in enumerate(uploads, 1):
        problem = recording_problem(upload) if wants_sound else photo_problem(upload)
        if problem:
            raise FieldError(f"{field.label}第 {number} {'个' if wants_sound else '张'}：{problem}")
    return uploads


def recording_problem(upload: Any) -> str:
    """Why a file is no usable sound recording; "" when it is one. Reads its beginning and rewinds it (AUTO-30)."""
    size = getattr(upload, "size", None)
    if isinstance(size, int) and size > MAX_RECORDING_BYTES:
        return f"超过 {MAX_RECORDING_BYTES // 1_000_000} MB"
    upload.seek(0)
    start = upload.read(12)
    upload.seek(0)
    known = start.startswith(RECORDING_STARTS) or start[4:8] == b"ftyp" or (start[:4], start[8:]) == (b"RIFF", b"WAVE")
    return "" if known else "不是 MP3、M4A、WAV、AMR 或 OGG 录音"


def photo_problem(upload: Any) -> str:
    """Why a file is no usable photo; "" when it is one. Reads the file and rewinds it."""
    size = getattr(upload, "size", None)
    if isinstance(size, int) and size > MAX_PHOTO_BYTES:
        return f"超过 {MAX_PHOTO_BYTES // 1_000_000} MB"
    upload.seek(0)
    try:
        with Image.open(upload, formats=PHOTO_FORMATS) as image:
            if image.width * image.height > MAX_PHOTO_PIXELS:
                return "像素过大"
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "不是 JPEG、PNG 或 WebP 图片，或文件已损坏"
    finally:
        upload.seek(0)
    return ""


def _signer(field: Field, value: Any) -> str:
    signer = plain_text(value, multiline=False)
    if signer is None or len(signer) > MAX_SIGNER:
        raise FieldError(f"{field.label}：签名人姓名至多 {MAX_SIGNER} 字")
    return signer


def _checked_png(field: Field, data_url: str) -> bytes:
    if not data_url.startswith(PNG_PREFIX) or len(data_url) > MAX_SIGNATURE_BYTES * 4 // 3 + 100:
        raise FieldError(f"{field.label}：签名图像须为 {MAX_SIGNATURE_BYTES // 1000} KB 以内的 PNG，请重新签名")
    try:
        data = base64.b64decode(data_url[len(PNG_PREFIX) :], validate=True)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if max(image.size) > MAX_SIGNATURE_SIDE:
                raise FieldError(f"{field.label}：签名图像过大，请重新签名")
            drawn = image.convert("RGBA")
    except (binascii.Error, UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise FieldError(f"{field.label}：签名图像无法识别，请重新签名") from None
    flat = Image.new("RGB", drawn.size, "white")
    flat.paste(drawn, mask=drawn.getchannel("A"))
    ink = sum(flat.convert("L").histogram()[:160])
    if ink < MIN_INK_PIXELS:
        raise FieldError(f"{field.label}：签名是空白的，请签名")
    return _png(flat)


def _paper_signature(field: Field, upload: Any) -> bytes:
    problem = photo_problem(upload)
    if problem:
        raise FieldError(f"{field.label}：签名照片{problem}")
    with Image.open(upload, formats=PHOTO_FORMATS) as image:
        image.thumbnail((1600, 1600))
        return _png(image.convert("RGB"))


def _attested(signer: str) -> SignatureInput:
    image = Image.new("RGB", (240, 80), "white")
    pen = ImageDraw.Draw(image)
    pen.line([(20, 60), (60, 20), (90, 60), (130, 24), (170, 58), (220, 30)], fill="#1b2430", width=4)
    return SignatureInput(_png(image), signer, attested=True)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
