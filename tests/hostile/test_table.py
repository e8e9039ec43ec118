"""Every row of the table: the message it promises, and nothing changed anywhere.

All rows knock at one and the same installation: what one of them left behind would be found by the next.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from bihuan.kernel import clock
from tests.cast import build_cast
from tests.conftest import MORNING
from tests.hostile.bench import Bench, build_bench, fingerprint
from tests.hostile.table import DOCUMENT, ROWS, Row, rendered
from tests.web.visits import build_centre

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def bench(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Bench]:
    """One installation for all rows, taken back at the end."""
    with django_db_blocker.unblock(), clock.frozen(MORNING), transaction.atomic():
        yield build_bench(build_centre(build_cast()))
        transaction.set_rollback(True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.area} {row.what}")
def test_it_is_answered_in_words_and_changes_nothing(bench: Bench, row: Row) -> None:
    before = fingerprint()
    answer = row.send(bench)
    assert answer.status == row.status
    assert row.message in answer.text
    assert "Traceback" not in answer.text and "<script>alert" not in answer.page
    assert fingerprint() == before


def test_an_honest_form_beside_them_goes_through(bench: Bench) -> None:
    """The table proves nothing if everything is refused."""
    before = fingerprint()
    with transaction.atomic():
        answer = bench.complete("greet", {"greeting": ["guided", "greeted"]})
        assert answer.status == 302
        assert fingerprint() != before
        transaction.set_rollback(True)


def test_the_document_says_what_is_tried() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == rendered(), "run python -m tests.hostile"
