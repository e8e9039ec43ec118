"""Versions: numbered, immutable, refused with every problem at once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from bihuan.audit.models import Entry
from bihuan.forms.texts import publish_text
from bihuan.kernel.errors import BusinessError, Conflict
from bihuan.processes import engine_store as store
from bihuan.processes.compiled import MODELS, CompiledModels, process_of
from bihuan.processes.models import Instance, Version
from bihuan.processes.publishing import renew_limits, stop_version
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


def test_a_stopped_process_stays_stopped_when_its_limits_change(desk: Desk) -> None:
    publish_text("limits/test", '[[limit]]\nkey = "fill"\nname = "填写"\ntarget = "1h"')
    first = store.publish(APPROVAL, "approval")
    store.publish(ROUND, "round")
    stop_version(first.pk, stopped=True, reason="停办", actor=desk.cast.actor("admin"))
    publish_text("limits/test", '[[limit]]\nkey = "fill"\nname = "填写"\ntarget = "2h"')
    [second] = renew_limits()
    assert (second.number, second.limits["fill"]["target"]) == (2, "2h")
    with pytest.raises(Conflict, match="已停用"):
        store.current_version("approval")


def test_what_was_published_before_a_rule_came_gets_its_new_limits_all_the_same(desk: Desk, settings: Any) -> None:
    publish_text("limits/test", '[[limit]]\nkey = "fill"\nname = "填写"\ntarget = "1h"')
    often = (
        '<boundaryEvent id="b" attachedToRef="fill" cancelActivity="false"><timerEventDefinition>'
        "<timeCycle>R/PT1M</timeCycle></timerEventDefinition></boundaryEvent>"
        '<sequenceFlow id="b_end" sourceRef="b" targetRef="end"/></process>'
    )
    store.publish(APPROVAL.replace("</process>", often), "approval")
    settings.BIHUAN_LEAST_RHYTHM_SECONDS = 120
    publish_text("limits/test", '[[limit]]\nkey = "fill"\nname = "填写"\ntarget = "2h"')
    assert [version.number for version in renew_limits()] == [2]


def test_versions_from_before_get_the_limits_of_the_day_of_the_upgrade(desk: Desk) -> None:
    publish_text("limits/test", '[[limit]]\nkey = "fill"\nname = "填写"\ntarget = "1h"')
    version = store.publish(APPROVAL, "approval")
    Version.objects.update(limits={}, sha256="as it was")
    import_module("bihuan.processes.migrations.0009_limits_with_the_version").keep_limits(apps, None)
    version = Version.objects.get()
    assert version.limits["fill"]["target"] == "1h"
    assert store.publish(APPROVAL, "approval") == version


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
