"""Versions: numbered, immutable, refused with every problem at once."""

from __future__ import annotations

import pytest

from bihuan.audit.models import Entry
from bihuan.kernel.errors import BusinessError
from bihuan.processes import engine_store as store
from bihuan.processes.compiled import MODELS, CompiledModels, process_of
from bihuan.processes.models import Instance, Version
from tests.processes.conftest import Desk
from tests.processes.models import APPROVAL, PARALLEL, ROUND

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen_clock")]


def test_versions_are_numbered_and_the_last_published_is_in_force(desk: Desk) -> None:
    first = store.publish(ROUND, "round", source_pack="test", actor=desk.cast.actor("admin"))
    second = store.publish(ROUND.replace('name="work"', 'name="干活"'), "round")
    assert (first.number, second.number) == (1, 2)
    assert store.current_version("round") == second
    entry = Entry.objects.filter(chain="process:round").earliest("seq")
    assert (entry.data["number"], entry.data["source_pack"]) == (1, "test")


def test_the_same_content_is_the_same_version_and_back_in_force(desk: Desk) -> None:
    first = store.publish(ROUND, "round")
    assert store.publish(ROUND.encode(), "round") == first
    store.publish(ROUND.replace('name="work"', 'name="干活"'), "round")
    assert store.publish(ROUND, "round") == first == store.current_version("round")
    assert Version.objects.count() == 2


def test_running_instances_stay_with_their_version(desk: Desk) -> None:
    instance = desk.start(ROUND, "round").instance_id
    store.publish(PARALLEL, "round")
    desk.complete(instance, "work", {"stop": False}, by="technician")
    assert desk.open_nodes(instance) == ["work"]
    assert Instance.unscoped.get(pk=instance).version.number == 1


def test_a_faulty_file_is_refused_with_all_its_problems_and_nothing_stored() -> None:
    faulty = ROUND.replace("<userTask", "<transmogrify id='x'/><userTask").replace('targetRef="end"', 'targetRef="no"')
    with pytest.raises(store.RefusedDefinitionError) as refused:
        store.publish(faulty, "round", source="round.bpmn")
    assert len(refused.value.problems) >= 2
    assert "round.bpmn" in str(refused.value)
    assert Version.objects.count() == 0


def test_a_process_that_is_not_in_the_file_cannot_be_chosen() -> None:
    with pytest.raises(BusinessError, match="没有流程“other”"):
        store.publish(ROUND, "round", process_id="other")


def test_a_file_in_another_encoding_is_stored_readable() -> None:
    chinese = APPROVAL.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16")
    version = store.publish(chinese, "approval")
    MODELS.clear()
    assert process_of(version).nodes["fill"].extension.button == "提交"


def test_compiled_models_leave_memory_by_least_use() -> None:
    models = CompiledModels(capacity=2)
    for key in ("a", "b", "a", "c"):
        models.get(key, lambda: ROUND)
    assert len(models) == 2
    models.get("a", lambda: pytest.fail("was in use"))
