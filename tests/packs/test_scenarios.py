"""Every scenario of every pack, played through the use cases; each marks the requirements its file names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from bihuan.accounts.models import User
from bihuan.kernel.errors import NotAllowed
from bihuan.operations.scenarios.format import Scenario, read_scenarios
from bihuan.operations.scenarios.player import play
from bihuan.org.access import load_actor, system_actor
from bihuan.packs.install import install_pack
from bihuan.packs.loading import BUILT_IN, pack_folder
from bihuan.packs.seeding import load_seed
from bihuan.processes.compiled import compiled_process
from bihuan.processes.publishing import current_version
from bihuan.records.knowledge import note_history, read_note, save_note

STORIES = [story for file in sorted(BUILT_IN.glob("*/scenarios/*.yaml")) for story in read_scenarios(file)]
# The steps at which somebody speaks with the customer in person or by telephone.
TALKING = {
    "service_visit": (
        "greet", "reception", "protect", "walkaround", "register", "precheck", "estimate", "waiting", "lounge",
        "confirm_at_car", "reestimate", "refusal", "customer_check", "customer_check_road", "explain_bill", "cashier",
        "farewell",
    ),
    "appointment": ("book", "readback", "no_show"),
    "outreach": ("call", "book", "readback"),
    "follow_up": ("call",),
    "complaint": ("answer",),
    "suggestion": ("tell",),
}  # fmt: skip


@pytest.fixture(scope="module")
def installed(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The packs installed and seeded once for all stories; every story undoes itself, the end undoes the rest."""
    with django_db_blocker.unblock(), transaction.atomic():
        folder = pack_folder("auto_service")
        install_pack(folder, actor=system_actor())
        load_seed(folder)
        yield
        transaction.set_rollback(True)


def named(story: Scenario) -> object:
    return pytest.param(story, id=story.name, marks=[pytest.mark.covers(*story.covers)] if story.covers else [])


@pytest.mark.parametrize("story", [named(story) for story in STORIES])
def test_story(story: Scenario, installed: None) -> None:
    report = play(story)
    assert report.ok, f"{report.place}: {report.problem}"


def test_the_stories_tell_every_requirement_of_the_rule_book() -> None:
    told = {requirement for story in STORIES for requirement in story.covers}
    # Knowledge in the step is proved below, by what the step is tied to.
    assert {f"AUTO-{number:02}" for number in range(1, 34)} - told == {"AUTO-21"}
    assert len(STORIES) >= 20


@pytest.mark.covers("AUTO-32")
@pytest.mark.parametrize("key", sorted(TALKING))
def test_every_talking_step_has_its_script(key: str, installed: None) -> None:
    version = current_version(key)
    process = compiled_process(version.pk, version.sha256, version.process_id)
    assert [node for node in TALKING[key] if not process.nodes[node].extension.script] == []


@pytest.mark.covers("AUTO-21")
def test_diagnosis_guidance_is_at_hand_in_its_step_and_kept_by_those_who_know(installed: None) -> None:
    version = current_version("service_visit")
    key = compiled_process(version.pk, version.sha256, version.process_id).nodes["diagnose"].extension.knowledge
    note = read_note(key)
    assert "先简后繁" in note.body
    director, technician = (load_actor(User.objects.get(username=name)) for name in ("zhengwd", "zhaotj"))
    with pytest.raises(NotAllowed):
        save_note(key, actor=technician, title=note.title, body="不用查，直接换")
    save_note(key, actor=director, title=note.title, body=note.body + "\n\n先试车再拆。")
    assert read_note(key).body.endswith("先试车再拆。")
    assert note_history(key)[0].actor_id == director.user_id
