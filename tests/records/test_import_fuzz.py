"""Whatever bytes somebody uploads: an answer in words, never a crash, nothing half stored."""

from __future__ import annotations

import io
import zipfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bihuan.kernel.errors import BusinessError
from bihuan.records.importing.reading import read_tables
from bihuan.records.importing.report import UnreadableWorkbookError
from bihuan.records.importing.run import KINDS
from bihuan.records.importing.template import template_workbook
from bihuan.records.media import clean_upload
from bihuan.records.models import Customer, Vehicle
from bihuan.records.signatures import read_drawing
from tests.records.conftest import Shop
from tests.records.test_files_and_sheets import picture
from tests.records.test_importing import run

CHECKS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEMPLATE = template_workbook()
with zipfile.ZipFile(io.BytesIO(TEMPLATE)) as archive:
    PARTS = {name: archive.read(name) for name in archive.namelist()}
FLIPS = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), min_size=1, max_size=6)
CELL = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates(), st.datetimes(), st.times(),
    st.timedeltas(),
)  # fmt: skip


def flipped(content: bytes, flips: list[tuple[int, int]]) -> bytes:
    changed = bytearray(content)
    for place, value in flips:
        changed[place % len(changed)] = value
    return bytes(changed)


@CHECKS
@given(part=st.sampled_from(sorted(PARTS)), flips=FLIPS)
def test_a_workbook_with_damaged_insides_is_read_or_refused(part: str, flips: list[tuple[int, int]]) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in PARTS.items():
            archive.writestr(name, flipped(content, flips) if name == part else content)
    try:
        tables = read_tables(target.getvalue(), "x.xlsx")
    except UnreadableWorkbookError as refusal:
        assert refusal.message
    else:
        assert isinstance(tables, list)


@CHECKS
@given(flips=FLIPS)
def test_a_damaged_archive_is_read_or_refused(flips: list[tuple[int, int]]) -> None:
    try:
        assert isinstance(read_tables(flipped(TEMPLATE, flips), "x.xlsx"), list)
    except UnreadableWorkbookError as refusal:
        assert refusal.message


@CHECKS
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_imported_or_refused_in_words(shop: Shop, content: bytes) -> None:
    before = (Customer.objects.count(), Vehicle.objects.count())
    report = run(shop, content, "x.csv", dry_run=True)
    assert report.ok or all(problem.message for problem in report.problems)
    assert (Customer.objects.count(), Vehicle.objects.count()) == before


@settings(max_examples=300, deadline=None)
@given(cell=CELL)
def test_any_cell_is_read_or_refused_in_every_column(cell: object) -> None:
    for kind in KINDS:
        for column in kind.columns:
            try:
                column.read(cell)
            except BusinessError as refusal:
                assert refusal.message


@CHECKS
@given(
    content=st.one_of(
        st.binary(max_size=200),
        FLIPS.map(lambda flips: flipped(picture("PNG"), flips)),
        FLIPS.map(lambda flips: flipped(picture("JPEG"), flips)),
        FLIPS.map(lambda flips: flipped(picture("GIF"), flips)),
        FLIPS.map(lambda flips: flipped(picture("WEBP"), flips)),
        FLIPS.map(lambda flips: flipped(picture("BMP"), flips)),
    )
)
def test_any_upload_is_kept_clean_or_refused(content: bytes) -> None:
    try:
        assert clean_upload(content).mime
    except BusinessError as refusal:
        assert refusal.message


@CHECKS
@given(drawing=st.one_of(st.text(max_size=200), st.recursive(CELL, lambda x: st.lists(x, max_size=4)).map(str)))
def test_any_drawing_is_a_signature_or_refused(drawing: str) -> None:
    try:
        assert read_drawing(drawing).mime == "image/png"
    except BusinessError as refusal:
        assert refusal.field == "signature"
