"""Finished history leaves the tables by policy, stays verifiable, and comes back."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from bihuan.audit.archiving import ARCHIVE_CHAIN, archive_folder, read_archive, verify_archives
from bihuan.audit.log import record
from bihuan.audit.models import Archive, Entry, Segment
from bihuan.audit.sealing import seal, verify_seals
from bihuan.audit.verification import verify
from bihuan.cli import archive as archive_commands
from bihuan.cli import audit as audit_commands
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.processes import engine_store as store
from bihuan.processes.consistency import check_instances
from bihuan.processes.history import history, replay
from bihuan.processes.models import Instance, WorkItem
from bihuan.processes.retention import archive_finished, restore_archive, set_retention
from tests.audit.intruder import tamper
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, CALLER, PARALLEL


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.ARCHIVE_ROOT = tmp_path / "archive"
    yield


@pytest.fixture
def old(desk: Desk, frozen_clock: Any) -> Desk:
    """Three finished approvals, one of them about a case and one called by another; ten days later."""
    for case in (7, None):
        about = {"subject_kind": "case", "subject_id": case} if case else {}
        finish(desk, desk.start(APPROVAL, "approval", {"number": "A1", "owner": None}, **about).instance_id)
    caller = desk.start(CALLER, "caller", {"number": "A2", "owner": None}).instance_id
    finish(desk, Instance.unscoped.get(parent_id=caller).pk)
    desk.complete(caller, "after", by="advisor")
    desk.start(PARALLEL, "parallel")
    clock.move(frozen_clock + timedelta(days=10))
    return desk


def finish(desk: Desk, instance: int) -> None:
    desk.complete(instance, "fill", {"amount": 5}, by="advisor")
    desk.complete(instance, "close", by="advisor")


def keep(desk: Desk, days: int | None, *keys: str) -> None:
    for key in keys or ("approval", "caller", "parallel"):
        set_retention(key, days, actor=desk.cast.actor("admin"))


def test_without_a_policy_everything_stays(old: Desk) -> None:
    assert archive_finished() is None
    keep(old, 11)
    assert archive_finished() is None
    keep(old, None)
    assert archive_finished(clock.now() + timedelta(days=9999)) is None


def test_what_is_over_long_enough_leaves_the_tables_and_what_runs_stays(old: Desk) -> None:
    keep(old, 9)
    before = Entry.objects.count()
    made = archive_finished()
    assert made is not None and made.instances == 4
    assert list(Instance.unscoped.values_list("process_id", flat=True)) == ["parallel"]
    assert set(WorkItem.unscoped.values_list("instance__process_id", flat=True)) == {"parallel"}
    assert Entry.objects.count() == before - made.entries + 1, "but one more that tells of the archive"
    assert [entry.seq for entry in history("case:7")] == [3], "the newest entry of a case stays"
    assert archive_finished() is None
    assert verify() == [] and verify_archives() == [] and list(check_instances()) == []


def test_a_batch_takes_so_many_and_the_oldest_first(old: Desk) -> None:
    keep(old, 9)
    sizes = []
    while (made := archive_finished(limit=1)) is not None:
        sizes.append(made.instances)
    assert sizes == [1, 1, 2] and Archive.objects.count() == 3


def test_a_case_waits_until_everything_on_it_may_go(old: Desk) -> None:
    running = old.start(PARALLEL, "parallel", subject_kind="case", subject_id=7).instance_id
    keep(old, 9)
    archive_finished()
    assert Instance.unscoped.filter(chain="case:7").count() == 2
    store.cancel_instance(running, "", actor=old.cast.actor("advisor"))
    assert archive_finished() is None, "it has only just ended"
    clock.move(clock.now() + timedelta(days=10))
    made = archive_finished()
    assert made is not None and made.instances == 2


def test_a_chain_goes_on_after_its_beginning_was_archived(old: Desk) -> None:
    keep(old, 9)
    archive_finished()
    with transaction.atomic():
        record(actor_id=None, action="case.changed", chain="case:7", data={})
    finish(
        old,
        old.start(APPROVAL, "approval", {"number": "A9", "owner": None}, subject_kind="case", subject_id=7).instance_id,
    )
    assert [entry.seq for entry in history("case:7")] == [3, 4, 5, 6, 7]
    assert verify() == [] and list(check_instances()) == []
    clock.move(clock.now() + timedelta(days=10))
    archive_finished()
    stretches = Segment.objects.filter(chain="case:7").order_by("first_seq")
    assert list(stretches.values_list("first_seq", "last_seq")) == [(1, 2), (3, 6)]
    assert verify() == [] and verify_archives() == []


def test_it_comes_back_as_it_was(old: Desk) -> None:
    before = {row.pk: (row.state, row.ended_at, row.parent_id) for row in Instance.unscoped.all()}
    items = list(WorkItem.unscoped.order_by("pk").values())
    keep(old, 9)
    made = archive_finished()
    assert made is not None and restore_archive(made.name, actor=old.cast.actor("admin")) == 4
    assert {row.pk: (row.state, row.ended_at, row.parent_id) for row in Instance.unscoped.all()} == before
    assert list(WorkItem.unscoped.order_by("pk").values()) == items
    assert all(replay(pk).to_json() == json.loads(state) for pk, (state, _, _) in before.items())
    assert verify() == [] and verify_archives() == [] and list(check_instances()) == []
    with pytest.raises(BusinessError, match="已经恢复过"):
        restore_archive(made.name, actor=old.cast.actor("admin"))


def test_what_was_sealed_before_it_was_archived_is_still_proved(old: Desk) -> None:
    sealed = seal()
    assert sealed is not None
    keep(old, 9)
    archive_finished()
    assert verify_seals() == []
    next(archive_folder().iterdir()).unlink()
    assert verify_archives() != []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("change the file", "被改动或损坏"), ("remove the file", "读不到"), ("forget the archive", "缺失或被替换"),
        ("forget a segment", "与登记不符"), ("move a segment", "衔接不上"), ("cut the rest of the chain", "衔接"),
    ],
)  # fmt: skip
def test_damage_to_an_archive_is_found(old: Desk, damage: str, reason: str) -> None:
    keep(old, 9)
    archive_finished()
    file = next(archive_folder().iterdir())
    segment = Segment.objects.filter(chain="case:7")
    inflict = {
        "change the file": lambda: file.write_bytes(file.read_bytes() + b"x"),
        "remove the file": file.unlink,
        "forget the archive": Archive.objects.all().delete,
        "forget a segment": segment.delete,
        "move a segment": lambda: segment.update(first_seq=2),
        "cut the rest of the chain": lambda: tamper("UPDATE audit_entry SET prev_hash = 'x' WHERE chain = 'case:7'"),
    }
    inflict[damage]()
    assert reason in "；".join(problem.reason for problem in [*verify_archives(), *verify()])


def test_a_broken_chain_is_not_archived(old: Desk) -> None:
    keep(old, 9)
    tamper("UPDATE audit_entry SET actor_id = 999 WHERE chain = 'case:7' AND seq = 1")
    with pytest.raises(BusinessError, match="case:7 第 1 条"):
        archive_finished()
    assert Instance.unscoped.filter(chain="case:7").exists() and not Archive.objects.exists()


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite belongs to whoever owns the file")
def test_postgresql_lets_no_other_entry_go(old: Desk) -> None:
    keep(old, 9)
    archive_finished()
    with pytest.raises(DatabaseError, match="never"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_entry WHERE chain = %s", [ARCHIVE_CHAIN])


def test_the_commands_archive_list_show_and_restore(old: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    keep(old, 9)
    assert call("run") == 0 and "归档 4 个流程实例" in capsys.readouterr().out
    assert audit_commands.run_verify(argparse.Namespace(chain=None, anchor=None, json=False, deep=True)) == 0
    assert "1 个档案、" in capsys.readouterr().out
    name = Archive.objects.get().name
    assert call("list") == 0 and name in capsys.readouterr().out
    assert call("show", name, "--chain", "case:7") == 0
    assert [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()] == [1, 2]
    assert call("restore", name) == 0 and "已恢复 4 个" in capsys.readouterr().out
    assert call("restore", name) == 1 and "没有档案" in capsys.readouterr().err


def call(*words: str) -> int:
    parser = argparse.ArgumentParser(prog="bihuan")
    archive_commands.register(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["archive", *words])
    code: int = arguments.run(arguments)
    return code


def test_what_is_there_already_is_not_restored_over_it(old: Desk) -> None:
    keep(old, 9)
    made = archive_finished()
    assert made is not None
    document = next(line for line in read_archive(made.name) if line["type"] == "document")
    Instance.unscoped.create(**{**document["values"], "started_at": clock.now(), "ended_at": None})
    with pytest.raises(Conflict):
        restore_archive(made.name, actor=old.cast.actor("admin"))
