"""What an uploaded file really is: sniffed by content, bounded, images decoded and encoded anew without camera data."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from bihuan.kernel.errors import BusinessError

MAX_IMAGE_BYTES = 10 * 1024 * 1024
MAX_RECORDING_BYTES = 30 * 1024 * 1024
MAX_PIXELS = 60_000_000
_LONGEST_SIDE = 3000
_IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# How recordings begin; a name or a declared type proves nothing.
_RECORDINGS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1a\x45\xdf\xa3", "audio/webm"),
    (4, b"ftyp", "audio/mp4"),
)


@dataclass(frozen=True)
class CleanFile:
    """Content safe to keep, with its real type."""

    content: bytes
    mime: str


def clean_upload(content: bytes) -> CleanFile:
    """An image encoded anew, or a recording as it is; anything else is refused with what is accepted."""
    if not content:
        raise BusinessError("文件是空的", "file")
    recording = _recording_type(content)
    if recording:
        if len(content) > MAX_RECORDING_BYTES:
            raise BusinessError(f"录音不能超过 {MAX_RECORDING_BYTES // 1024 // 1024} MB", "file")
        return CleanFile(content, recording)
    if len(content) > MAX_IMAGE_BYTES:
        raise BusinessError(f"照片不能超过 {MAX_IMAGE_BYTES // 1024 // 1024} MB", "file")
    return clean_image(content)


def clean_image(content: bytes) -> CleanFile:
    """The picture upright, at most 3000 px, as JPEG (or see-through PNG), with no camera data or anything else."""
    image = open_image(content)
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    see_through = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    target = io.BytesIO()
    if see_through:
        _bare(upright.convert("RGBA")).save(target, format="PNG", optimize=True)
        return CleanFile(target.getvalue(), "image/png")
    _bare(upright.convert("RGB")).save(target, format="JPEG", quality=85)
    return CleanFile(target.getvalue(), "image/jpeg")


def open_image(content: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The decoded picture; refused when it is none, damaged, or a decompression bomb."""
    refusal = BusinessError("这不是能打开的照片或录音，请上传 JPG、PNG、WebP 照片或 MP3、M4A、WAV 录音", "file")
    try:
        with warnings.catch_warnings():
            # Pillow warns first and raises only at twice its limit; the size is checked here before decoding.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=_IMAGE_FORMATS)
            width, height = image.size
            if width * height > max_pixels:
                raise BusinessError(f"照片尺寸 {width}×{height} 太大", "file")
            image.load()
    except Image.DecompressionBombError:
        raise BusinessError("照片尺寸太大", "file") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        raise refusal from None
    return image


def _bare(image: Image.Image) -> Image.Image:
    """Only the pixels: a copy carries no EXIF, comments, profiles or text chunks over."""
    fresh = Image.new(image.mode, image.size)
    fresh.paste(image)
    return fresh


def _recording_type(content: bytes) -> str | None:
    head = content[:16]
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav"
    for offset, mark, mime in _RECORDINGS:
        if head[offset : offset + len(mark)] == mark:
            # HEIC photographs share the container of MP4.
            return None if mime == "audio/mp4" and head[8:12] in (b"heic", b"heix", b"mif1", b"avif") else mime
    return None
