from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import Error, connection, transaction

from bihuan.audit.log import record
from bihuan.audit.models import Entry
from bihuan.audit.sealing import SEAL_CHAIN, anchor_of, seal, verify_seals
from bihuan.audit.verification import verify
from bihuan.kernel import clock
from tests.audit.intruder import tamper


@pytest.fixture
def sealed(db: None) -> str:
    for chain in ("case:1", "case:2"):
        for number in range(3):
            record(actor_id=1, action="step", chain=chain, data={"number": number})
    entry = seal()
    assert entry is not None
    return anchor_of(entry)


def test_a_cut_off_tail_escapes_the_chain_but_not_the_seal(sealed: str) -> None:
    tamper("DELETE FROM audit_entry WHERE chain = 'case:1' AND seq = 3")
    assert verify() == []
    assert [(problem.chain, problem.seq) for problem in verify_seals()] == [("case:1", 3)]


def test_a_removed_chain_is_missed(sealed: str) -> None:
    tamper("DELETE FROM audit_entry WHERE chain = 'case:2'")
    assert [problem.chain for problem in verify_seals()] == ["case:2"]
    assert verify_seals("case:1") == []


def test_growing_on_after_the_seal_is_no_problem(sealed: str) -> None:
    record(actor_id=1, action="step", chain="case:1", data={})
    assert verify_seals(anchor=sealed) == []


def test_removing_the_seal_too_is_found_by_the_anchor_kept_outside(sealed: str) -> None:
    tamper("DELETE FROM audit_entry WHERE chain = 'case:1' AND seq = 3")
    tamper(f"DELETE FROM audit_entry WHERE chain = '{SEAL_CHAIN}'")
    assert verify_seals() == []
    assert [problem.chain for problem in verify_seals(anchor=sealed)] == [SEAL_CHAIN]


@pytest.mark.parametrize("anchor", ["", "1", "x:" + "0" * 64, "1:abc"])
def test_what_is_no_anchor_is_refused(db: None, anchor: str) -> None:
    with pytest.raises(ValueError, match="锚点"):
        verify_seals(anchor=anchor)


def test_only_chains_that_grew_are_sealed_again(sealed: str) -> None:
    with clock.frozen(clock.now() + timedelta(hours=1)):
        seal()
        record(actor_id=1, action="step", chain="case:2", data={})
        entry = seal()
        assert entry is not None
        assert list(Entry.objects.get(chain=SEAL_CHAIN, seq=entry.seq).data["heads"]) == ["case:2"]
    with clock.frozen(clock.now() + timedelta(hours=2)):
        seal()
        assert seal() is None


def test_nothing_logged_means_nothing_to_seal(db: None) -> None:
    assert seal() is None


def test_postgresql_itself_refuses_to_change_or_remove_entries(sealed: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the trigger is PostgreSQL's")
    for sql in ("UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry"):
        with pytest.raises(Error, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert Entry.objects.count() == 7
