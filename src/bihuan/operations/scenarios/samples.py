"""Files for scenarios: a small real picture, a small real recording."""

from __future__ import annotations

import io
import wave

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw


def sample_file(name: str) -> SimpleUploadedFile:
    """A recording for names that speak of one (录音, recording, .wav), a picture for all others."""
    if any(word in name for word in ("录音", "recording", ".wav", ".mp3")):
        return SimpleUploadedFile("recording.wav", _silence(), content_type="audio/wav")
    return SimpleUploadedFile("sample.png", _picture(name), content_type="image/png")


def _picture(text: str) -> bytes:
    image = Image.new("RGB", (320, 240), (226, 230, 234))
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 90, 280, 180), outline=(90, 98, 106), width=3)
    draw.ellipse((70, 160, 110, 200), outline=(90, 98, 106), width=3)
    draw.ellipse((210, 160, 250, 200), outline=(90, 98, 106), width=3)
    draw.point([(len(text), 1), (1, len(text))], fill=(0, 0, 0))
    target = io.BytesIO()
    image.save(target, format="PNG")
    return target.getvalue()


def _silence() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 8000)
    return target.getvalue()
