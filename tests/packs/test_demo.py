"""`bihuan demo load`: only on an empty installation in demo mode; cars stand where the plan says, the log is whole."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from bihuan.accounts.models import User
from bihuan.audit.verification import verify
from bihuan.cli import demo as command
from bihuan.cli.main import main
from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError
from bihuan.notify.models import Notice
from bihuan.org.access import system_actor
from bihuan.packs.demo import Told, tell_demo
from bihuan.packs.install import install_pack
from bihuan.packs.loading import pack_folder
from bihuan.packs.seeding import load_seed
from bihuan.processes.models import WorkItem
from bihuan.records.models import Appointment, Case, Payment, Settlement

STAGES = ("迎接问候", "估价估时", "收银", "放行核对")
PLAN = """site = "YL"
history_days = 4
visits_a_day = 1
outreach = 1
appointments_today = 1
appointments_ahead_days = 1
appointments_a_day = 1
stages = [{stages}]
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_plan(tmp_path)


def small_plan(place: Path) -> Path:
    """The pack's own stories with a plan of a few cars."""
    own = pack_folder("auto_service") / "demo"
    folder = place / "small"
    shutil.copytree(own, folder / "demo")
    work = own.joinpath("plan.toml").read_text("utf-8")
    plan = PLAN.format(stages=", ".join(f'"{stage}"' for stage in STAGES))
    (folder / "demo/plan.toml").write_text(plan + work[work.index("[[work]]") :], encoding="utf-8")
    return folder


@pytest.fixture
def seeded(db: None, frozen_clock: object) -> None:
    folder = pack_folder("auto_service")
    install_pack(folder, actor=system_actor())
    load_seed(folder)


def test_a_story_that_breaks_is_named(seeded: None, small: Path) -> None:
    story = small / "demo/visit.yaml"
    story.write_text(story.read_text("utf-8").replace("task: 迎接问候", "task: 不存在的任务"), encoding="utf-8")
    with pytest.raises(BusinessError, match=r"visit.yaml:\d+：没有|visit.yaml:\d+：单据"):
        tell_demo(small)


def test_without_the_demo_switch_nothing_is_loaded(db: None, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.BIHUAN_DEMO = False
    assert main(["demo", "load"]) == 1
    assert "BIHUAN_DEMO=1" in capsys.readouterr().err
    assert not User.objects.exists()


def test_a_database_with_people_is_left_alone(db: None, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.BIHUAN_DEMO = True
    User.objects.create(username="somebody", name="已有的人")
    assert main(["demo", "load"]) == 1
    assert "已经有人员" in capsys.readouterr().err
    assert not Case.unscoped.exists()


def test_an_unknown_pack_is_refused(db: None, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.BIHUAN_DEMO = True
    assert main(["demo", "load", "--pack", "moon"]) == 1
    assert "没有载入" in capsys.readouterr().err


@dataclass
class Load:
    """What the command said, and what it told in the end."""

    said: str
    told: Told


# Loaded once for the tests below, which only look; whatever runs after it in this file sees the demo.
@pytest.fixture(scope="module")
def load(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Load]:
    small = small_plan(tmp_path_factory.mktemp("demo"))
    results: list[Told] = []

    def tell_small(folder: Path, *, progress: Any) -> Told:
        results.append(tell_demo(small, progress=progress))
        return results[-1]

    said = io.StringIO()
    with (
        django_db_blocker.unblock(),
        clock.frozen(datetime(2026, 11, 24, 1, 0, tzinfo=UTC)),
        transaction.atomic(),
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(settings, "BIHUAN_DEMO", True)
        patched.setattr(command, "tell_demo", tell_small)
        with redirect_stdout(said):
            assert main(["demo", "load"]) == 0
        yield Load(said.getvalue(), *results)
        transaction.set_rollback(True)


@pytest.mark.db
def test_the_command_loads_with_lines_of_progress(load: Load) -> None:
    for text in ("安装流程包", "历史 1/3 天", "今天在店 4/4 台", "演示数据已载入：3 次完工、4 台在店"):
        assert text in load.said, text


@pytest.mark.db
def test_the_plan_is_told_and_everybody_stands_where_it_says(load: Load) -> None:
    told = load.told
    # 20 to 23 November: the 22nd is a Sunday.
    assert (told.visits, told.today) == (3, len(STAGES))
    here = Case.unscoped.filter(kind="service_visit", status="open")
    assert here.count() == len(STAGES)
    for case, stage in zip(here.order_by("pk"), STAGES, strict=True):
        open_steps = WorkItem.unscoped.filter(instance__subject_id=case.pk, status="open")
        assert stage in open_steps.values_list("name", flat=True), stage
        assert clock.now() - timedelta(hours=6) < case.opened_at <= clock.now()
    assert Case.unscoped.filter(kind="service_visit", status="closed").count() == 3
    assert Appointment.unscoped.filter(starts_at__gt=clock.now()).count() == told.appointments > 0
    assert Case.unscoped.filter(kind="outreach", status="open").count() == 1
    assert Payment.unscoped.exists() and Settlement.unscoped.filter(status="settled").count() >= 3


@pytest.mark.db
def test_what_the_demo_did_stands_in_a_log_that_can_be_verified(load: Load) -> None:
    assert not verify()


@pytest.mark.db
def test_nothing_in_the_demo_is_dated_after_now(load: Load) -> None:
    now = clock.now()
    assert not Case.unscoped.filter(opened_at__gt=now).exists()
    assert not WorkItem.unscoped.filter(completed_at__gt=now).exists()
    assert not Payment.unscoped.filter(at__gt=now).exists()


@pytest.mark.db
def test_old_news_is_read(load: Load) -> None:
    assert not Notice.objects.filter(read_at__isnull=True, at__lt=clock.now() - timedelta(hours=1)).exists()


@pytest.mark.db
def test_no_visit_of_the_demo_was_left_half_done_in_the_past(load: Load) -> None:
    old = Case.unscoped.filter(kind="service_visit", opened_at__lt=clock.now() - timedelta(days=1))
    assert set(old.values_list("status", flat=True)) == {"closed"}
