from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from bihuan.audit.canonical import GENESIS, canonical_json
from bihuan.audit.log import append_row, changes, record
from bihuan.audit.models import Entry
from bihuan.kernel import clock

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_the_first_entry_of_a_chain_starts_from_nothing(db: None) -> None:
    entry = record(actor_id=7, action="case.open", chain="case:1", site_id=3, data={"车牌": "示A12345"}, at=NINE)
    stored = Entry.objects.get()
    assert (stored.seq, stored.prev_hash, stored.hash) == (1, GENESIS, entry.hash)
    assert (stored.actor_id, stored.site_id, stored.at) == (7, 3, NINE)
    assert stored.data == {"车牌": "示A12345"}


def test_each_entry_carries_the_hash_before_it(db: None) -> None:
    first = record(actor_id=1, action="a", chain="case:1", data={})
    other = record(actor_id=1, action="a", chain="case:2", data={})
    second = record(actor_id=1, action="b", chain="case:1", data={})
    assert (second.seq, second.prev_hash) == (2, first.hash)
    assert (other.seq, other.prev_hash) == (1, GENESIS)


def test_an_entry_is_dated_by_the_clock(db: None) -> None:
    with clock.frozen(NINE):
        assert record(actor_id=None, action="a", chain="case:1", data={}).at == NINE


def test_before_and_after_are_kept_beside_the_data(db: None) -> None:
    record(
        actor_id=1, action="a", chain="case:1", data={"why": "x"}, before={"fee": Decimal("1.00")}, after={"fee": None}
    )
    assert Entry.objects.get().data == {"why": "x", "before": {"fee": "1.00"}, "after": {"fee": None}}


def test_only_what_differs_counts_as_changed() -> None:
    old, new = changes({"name": "李", "phone": "1"}, {"name": "李", "phone": "2", "note": "x"})
    assert (old, new) == ({"phone": "1", "note": None}, {"phone": "2", "note": "x"})


@pytest.mark.django_db(transaction=True)
def test_logging_outside_a_transaction_is_refused() -> None:
    with pytest.raises(TransactionManagementError):
        record(actor_id=1, action="a", chain="case:1", data={})
    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_action_that_is_rolled_back_leaves_no_line_and_no_hole() -> None:
    with transaction.atomic():
        record(actor_id=1, action="a", chain="case:1", data={})
    with pytest.raises(RuntimeError), transaction.atomic():
        record(actor_id=1, action="b", chain="case:1", data={})
        raise RuntimeError
    with transaction.atomic():
        assert record(actor_id=1, action="c", chain="case:1", data={}).seq == 2


def test_entries_are_neither_changed_nor_removed_nor_written_by_hand(db: None) -> None:
    record(actor_id=1, action="a", chain="case:1", data={})
    entry = Entry.objects.get()
    for attempt in (entry.save, entry.delete, Entry.objects.all().delete, lambda: Entry.objects.update(action="b")):
        with pytest.raises(TypeError):
            attempt()
    with pytest.raises(TypeError):
        Entry.objects.create(chain="case:1", seq=2, at=NINE, action="a", data={}, hash="")


def test_a_prepared_row_is_the_same_as_a_recorded_entry(db: None) -> None:
    entry = record(actor_id=4, action="a", chain="case:1", site_id=2, data={"x": [1, "二"]}, at=NINE)
    row = append_row(chain="case:1", last=None, at=NINE, actor_id=4, action="a", site_id=2, data={"x": [1, "二"]})
    assert (row.seq, row.hash, row.prev_hash) == (entry.seq, entry.hash, entry.prev_hash)


def test_the_hash_does_not_depend_on_key_order_or_time_zone() -> None:
    def row(at: datetime, data: dict[str, int]) -> str:
        return append_row(chain="c", last=(1, "f"), at=at, actor_id=1, action="a", site_id=1, data=data).hash

    shanghai = timezone(timedelta(hours=8))
    assert row(NINE, {"a": 1, "b": 2}) == row(NINE.astimezone(shanghai), {"b": 2, "a": 1})


@pytest.mark.parametrize(
    "change",
    [
        {"chain": "d"},
        {"last": (2, "f")},
        {"last": (1, "e")},
        {"at": NINE + timedelta(microseconds=1)},
        {"actor_id": None},
        {"action": "b"},
        {"site_id": 2},
        {"data": {"x": 2}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_fact_is_part_of_the_hash(change: dict[str, object]) -> None:
    facts: dict[str, object] = {
        "chain": "c", "last": (1, "f"), "at": NINE, "actor_id": 1, "action": "a", "site_id": 1, "data": {"x": 1}
    }  # fmt: skip
    assert append_row(**facts).hash != append_row(**{**facts, **change}).hash  # type: ignore[arg-type]


def test_business_values_have_one_spelling() -> None:
    text = canonical_json(
        {"b": Decimal("1.50"), "a": date(2026, 11, 24), "t": NINE, "s": {"y", "x"}, "d": timedelta(minutes=1)}
    )
    assert text == '{"a":"2026-11-24","b":"1.50","d":60.0,"s":["x","y"],"t":"2026-11-24T09:00:00+00:00"}'


def test_half_a_surrogate_pair_is_stored_escaped(db: None) -> None:
    record(actor_id=1, action="a", chain="c", data={"x": "\ud83d"})
    assert Entry.objects.get().data == {"x": "\ud83d"}
    assert Entry.objects.get().data == {"x": "\ud83d"}


def test_what_has_no_spelling_is_refused_before_anything_is_written(db: None) -> None:
    for value in (object(), float("nan")):
        with pytest.raises((TypeError, ValueError)):
            record(actor_id=1, action="a", chain="c", data={"x": value})
    assert not Entry.objects.exists()
