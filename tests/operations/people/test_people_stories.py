"""Stories of people's operations on an approval with branches and a sign-off, on one with a sub-process, on an inquiry
with an ad-hoc and a repeated one, and on one that calls a process for each of many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from bihuan.operations.scenarios.format import Scenario, read_scenarios
from bihuan.operations.scenarios.player import play
from bihuan.org.access import system_actor
from bihuan.packs.install import install_pack
from bihuan.packs.loading import pack_folder
from bihuan.packs.seeding import load_seed
from bihuan.processes.consistency import check_instances
from bihuan.processes.publishing import publish

# Each story is undone by the test itself; the mark has the database made when this file runs alone.
pytestmark = pytest.mark.django_db
HERE = Path(__file__).parent
STORIES = [
    story
    for name in ("expense", "evaluation", "inquiry", "fleet", "hard_places")
    for story in read_scenarios(HERE / f"{name}.yaml")
]


@pytest.fixture(scope="module")
def installed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The people of the service centre, with three processes in place of its own, and one more."""
    with django_db_blocker.unblock(), transaction.atomic():
        folder = pack_folder("auto_service")
        install_pack(folder, actor=system_actor())
        load_seed(folder)
        publish((HERE / "expense.bpmn").read_bytes(), "complaint")
        publish((HERE / "evaluation.bpmn").read_bytes(), "suggestion")
        publish((HERE / "inquiry.bpmn").read_bytes(), "outreach")
        publish((HERE / "fleet.bpmn").read_bytes(), "routine")
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story(story: Scenario, installed: None) -> None:
    with transaction.atomic():
        report = play(story, keep=True)
        assert report.ok, f"{report.place}: {report.problem}"
        assert list(check_instances()) == []
        transaction.set_rollback(True)
