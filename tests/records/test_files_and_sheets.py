from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from functools import partial
from typing import Any

import pytest
from PIL import Image

from bihuan.kernel.errors import BusinessError, Conflict, NotFound
from bihuan.records.attachments import open_attachment, safe_name, store_attachment
from bihuan.records.documents import find_by_token, issue_document, read_document, void_document
from bihuan.records.media import MAX_IMAGE_BYTES, MAX_RECORDING_BYTES
from bihuan.records.models import Attachment, Check, Sheet, Signature
from bihuan.records.sheets import tick, write_sheet
from bihuan.records.signatures import sign
from tests.records.conftest import Shop


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), **extra: Any) -> bytes:
    target = io.BytesIO()
    mode = "RGBA" if kind == "PNG" else "RGB"
    Image.new(mode, size, (200, 30, 30) if mode == "RGB" else (200, 30, 30, 120)).save(target, kind, **extra)
    return target.getvalue()


def camera_picture() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "SecretCameraMaker"
    exif[0x0112] = 6
    return picture("JPEG", exif=exif)


def giant_png() -> bytes:
    """A few bytes that claim 60,000 by 60,000 pixels."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"0")) + part(b"IEND", b"")


def store(shop: Shop, content: bytes, name: str = "a.jpg", who: str = "technician", **values: Any) -> Attachment:
    case = values.pop("case", None) or shop.visit()
    return store_attachment(case.pk, "walkaround", content, name=name, actor=shop.actor(who), **values)


@pytest.mark.covers("AUTO-09")
def test_a_photograph_is_kept_upright_and_without_its_camera_data(shop: Shop) -> None:
    kept = store(shop, camera_picture() + b"<script>alert(1)</script>", "车头.JPG")
    opened = open_attachment(kept.pk, actor=shop.actor("advisor"))
    content = opened.stream.read()
    image = Image.open(io.BytesIO(content))
    assert image.size == (40, 60), "turned as the camera said"
    assert not image.getexif()
    assert b"SecretCameraMaker" not in content
    assert b"<script>" not in content
    assert (kept.mime, kept.name, kept.size_bytes) == ("image/jpeg", "车头.jpg", len(content))
    assert opened.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in opened.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "文件是空的"),
        (b"hello", "不是能打开的照片或录音"),
        (b"%PDF-1.7 ...", "不是能打开的照片或录音"),
        (b"MZ\x90\x00" + b"0" * 100, "不是能打开的照片或录音"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "不是能打开的照片或录音"),
        (b"<html><script>alert(1)</script>", "不是能打开的照片或录音"),
        (b"PK\x03\x04" + b"0" * 100, "不是能打开的照片或录音"),
        (picture()[:100], "不是能打开的照片或录音"),
        (b"\xff\xd8\xff" + b"0" * 100, "不是能打开的照片或录音"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "不是能打开的照片或录音"),
        (giant_png(), "尺寸太大"),
        (b"\xff\xd8" + b"0" * MAX_IMAGE_BYTES, "照片不能超过 10 MB"),
        (b"OggS" + b"0" * MAX_RECORDING_BYTES, "录音不能超过 30 MB"),
    ],
    ids=["empty", "text", "pdf", "exe", "svg", "html", "zip", "cut", "fake", "eps", "bomb", "big", "long"],
)
def test_a_mistyped_oversize_or_hostile_upload_is_refused(shop: Shop, content: bytes, message: str) -> None:
    with pytest.raises(BusinessError, match=message):
        store(shop, content, "photo.jpg")
    assert not Attachment.unscoped.exists()


@pytest.mark.parametrize(
    ("content", "mime", "ending"),
    [
        (picture("PNG"), "image/png", ".png"),
        (picture("WEBP"), "image/jpeg", ".jpg"),
        (picture("GIF"), "image/jpeg", ".jpg"),
        (b"ID3\x04\x00" + b"0" * 50, "audio/mpeg", ".mp3"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav", ".wav"),
        (b"\x00\x00\x00\x20ftypM4A \x00", "audio/mp4", ".m4a"),
        (b"#!AMR\n" + b"0" * 20, "audio/amr", ".amr"),
    ],
)
def test_the_type_comes_from_the_content_not_from_the_name(shop: Shop, content: bytes, mime: str, ending: str) -> None:
    kept = store(shop, content, "evil.html")
    assert (kept.mime, kept.name) == (mime, f"evil{ending}")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\Users\\x\\车.png", "车.jpg"),
        ("a\x00b\r\nc.jpg", "abc.jpg"),
        ("\u202egpj.exe", "gpj.jpg"),
        ("...", "附件.jpg"),
        ("", "附件.jpg"),
        ("x" * 500 + ".jpg", "x" * 100 + ".jpg"),
    ],
)
def test_a_file_name_cannot_lead_anywhere(name: str, kept: str) -> None:
    assert safe_name(name, "image/jpeg") == kept


def test_the_same_photograph_twice_is_one_attachment_and_one_file(shop: Shop) -> None:
    case = shop.visit()
    assert store(shop, picture(), case=case).pk == store(shop, picture(), case=case).pk
    assert store(shop, picture()).sha256 == Attachment.unscoped.filter(case=case).get().sha256


def test_files_are_given_only_to_those_who_see_the_case(shop: Shop) -> None:
    kept = store(shop, picture())
    with pytest.raises(NotFound, match="没有这个附件"):
        open_attachment(kept.pk, actor=shop.actor("other_advisor"))
    with pytest.raises(NotFound, match="没有这个附件"):
        open_attachment(999_999, actor=shop.actor("advisor"))
    with pytest.raises(NotFound, match="没有这个附件"):
        open_attachment(kept.pk, actor=shop.actor("without_position"))


STROKES = [[{"x": 10, "y": 10}, {"x": 120, "y": 60}, {"x": 200, "y": 20}], [{"x": 50, "y": 5}, {"x": 55, "y": 90}]]


def drawn_png(size: tuple[int, int] = (300, 100)) -> str:
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    for x in range(20, size[0] - 20):
        image.putpixel((x, 40), (0, 0, 0, 255))
    target = io.BytesIO()
    image.save(target, "PNG")
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()


@pytest.mark.covers("AUTO-09", "AUTO-12")
@pytest.mark.parametrize(
    "drawing",
    [
        drawn_png(),
        json.dumps(STROKES),
        json.dumps([{"points": STROKES[0]}]),
        json.dumps([[[1, 1], [90, 40], [200, 3]]]),
    ],
    ids=["png", "strokes", "signature pad", "pairs"],
)
def test_a_signature_is_drawn_anew_and_says_what_was_signed(shop: Shop, drawing: str) -> None:
    case = shop.visit()
    given = sign(
        case.pk,
        "estimate",
        signer="张伟",
        drawing=drawing,
        summary="估价 ¥155.50，1.00 工时",
        actor=shop.actor("advisor"),
    )
    assert (given.signer, given.summary) == ("张伟", "估价 ¥155.50，1.00 工时")
    image = Image.open(open_attachment(given.attachment_id, actor=shop.actor("advisor")).stream)
    assert image.format == "PNG"
    assert image.convert("L").getextrema()[0] < 100


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        ("", "请签名"),
        ("data:image/png;base64,", "格式不对"),
        ("data:image/png;base64,!!!!", "损坏"),
        ("data:image/svg+xml;base64,PHN2Zy8+", "格式不对"),
        ("data:text/html,<script>", "格式不对"),
        ("data:image/png;base64," + base64.b64encode(giant_png()).decode(), "损坏"),
        ("data:image/png;base64," + base64.b64encode(picture()).decode(), "格式不对"),
        ("javascript:alert(1)", "损坏"),
        ("[]", "空白"),
        ("[[]]", "空白"),
        ("{}", "损坏"),
        ("null", "损坏"),
        ("[[1,2],[3]]", "损坏"),
        ('[[["x","y"]]]', "损坏"),
        ("[[[1e999,1],[2,2]]]", "损坏"),
        ("[[[NaN,1],[2,2]]]", "损坏"),
        ("[[[]]]", "损坏"),
        (f"[[[1{'0' * 400},1]]]", "损坏"),
        ("[" * 100_000, "损坏"),
        (json.dumps([[[1, 1]]] * 501), "笔画太多"),
        ("x" * 400_001, "太大"),
        ("data:image/png;base64," + base64.b64encode(picture("PNG", (10, 10))).decode(), "空白|损坏"),
    ],
    ids=range(22),
)
def test_an_empty_or_hostile_signature_is_refused(shop: Shop, drawing: str, message: str) -> None:
    case = shop.visit()
    with pytest.raises(BusinessError, match=message) as refusal:
        sign(case.pk, "estimate", signer="张伟", drawing=drawing, actor=shop.actor("advisor"))
    assert refusal.value.field == "signature"
    assert not Signature.unscoped.exists()


def test_a_sheet_keeps_what_was_written_and_refuses_a_stale_write(shop: Shop) -> None:
    case = shop.visit()
    advisor = shop.actor("advisor")
    sheet = partial(write_sheet, case.pk, "walkaround")

    def kept() -> dict[str, Any]:
        return Sheet.unscoped.get(case=case).data  # type: ignore[no-any-return]

    assert sheet({"fuel": "1/2", "damage": [{"x": 1}]}, actor=advisor, expected_version=0) == 1
    assert sheet({"fuel": "3/4"}, actor=shop.actor("technician"), expected_version=1) == 2
    assert kept() == {"fuel": "3/4", "damage": [{"x": 1}]}
    with pytest.raises(Conflict, match="刚刚被同事修改"):
        sheet({"fuel": "0"}, actor=advisor, expected_version=1)
    assert sheet({"fuel": "3/4"}, actor=advisor) == 2, "nothing new"
    assert sheet({"fuel": "1"}, actor=advisor, whole=True) == 3
    assert kept() == {"fuel": "1"}
    with pytest.raises(BusinessError, match="内容太多"):
        sheet({"x": "字" * 100_000}, actor=advisor)
    with pytest.raises(NotFound):
        sheet({}, actor=shop.actor("other_advisor"))
    assert Sheet.unscoped.get(case=case).version == 3


@pytest.mark.covers("AUTO-08")
def test_a_ticked_item_keeps_its_first_time_and_person(shop: Shop) -> None:
    case = shop.visit()
    tick(case.pk, "kit_fitted", ["座椅套", "脚垫"], actor=shop.actor("advisor"))
    tick(case.pk, "kit_fitted", ["脚垫", "方向盘套"], actor=shop.actor("technician"))
    by = dict(Check.unscoped.filter(case=case).values_list("item", "ticked_by__username"))
    assert by == {"座椅套": "lixiao", "脚垫": "lixiao", "方向盘套": "zhaoqiang"}


def test_a_document_is_found_by_its_token_and_voided_with_a_reason(shop: Shop) -> None:
    case = shop.visit()
    paper = issue_document(case.pk, "precheck", {"lines": [1, 2]}, actor=shop.actor("technician"))
    assert (paper.number, paper.title) == ("YL-YJ-20261124-0001", "预检单")
    assert find_by_token(paper.token).pk == paper.pk
    for guess in ("", "x", paper.token[:-1], "%"):
        with pytest.raises(NotFound):
            find_by_token(guess)
    with pytest.raises(NotFound):
        read_document(paper.pk, actor=shop.actor("other_advisor"))
    with pytest.raises(BusinessError, match="作废原因"):
        void_document(paper.pk, actor=shop.actor("advisor"), reason="")
    assert void_document(paper.pk, actor=shop.actor("advisor"), reason="重开").voided_at is not None
    with pytest.raises(BusinessError, match="没有“poem”"):
        issue_document(case.pk, "poem", {}, actor=shop.actor("advisor"))
    with pytest.raises(BusinessError, match="内容太多"):
        issue_document(case.pk, "precheck", {"x": "y" * 300_000}, actor=shop.actor("advisor"))
