"""Drives the same model in SpiffWorkflow, as a second opinion."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.timer import TimerEventDefinition
from SpiffWorkflow.bpmn.util import BpmnEvent
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from tests.engine.runtime.models import xml_of


class Peer:
    """One instance in SpiffWorkflow."""

    def __init__(self, model: str) -> None:
        parser = BpmnParser()
        parser.add_bpmn_str(xml_of(model).encode())
        spec = parser.get_spec("process")
        self.workflow = BpmnWorkflow(spec, parser.get_subprocess_specs("process"))

    def start(self, **variables: Any) -> None:
        self.workflow.get_next_task(state=TaskState.READY).data.update(variables)
        self._run()

    def _run(self) -> None:
        self.workflow.do_engine_steps()
        self.workflow.refresh_timers()
        self.workflow.do_engine_steps()

    def _ready(self) -> list[Any]:
        return list(self.workflow.get_tasks(state=TaskState.READY, manual=True))

    @property
    def open(self) -> list[str]:
        """Ids of the user tasks that are open, sorted, once per item."""
        return sorted(_node(task) for task in self._ready())

    def _listening(self) -> list[Any]:
        waiting = self.workflow.get_tasks(state=TaskState.WAITING)
        kinds = (MessageEventDefinition, TimerEventDefinition)
        return [task for task in waiting if isinstance(getattr(task.task_spec, "event_definition", None), kinds)]

    @property
    def listening(self) -> list[str]:
        """Ids of the events that wait for a message or a moment, sorted."""
        return sorted(_node(task) for task in self._listening())

    def set_off(self, node: str) -> None:
        """The moment or message of an event has come."""
        task = next(task for task in self._listening() if _node(task) == node)
        definition = task.task_spec.event_definition
        if isinstance(definition, TimerEventDefinition):
            task._set_internal_data(event_value=datetime(2000, 1, 1, tzinfo=UTC).isoformat())
        else:
            self.workflow.send_event(BpmnEvent(definition, {}))
        self._run()

    def complete(self, node: str, number: int = 0, **variables: Any) -> None:
        task = [task for task in self._ready() if _node(task) == node][number]
        task.data.update(variables)
        task.run()
        self._run()

    @property
    def data(self) -> dict[str, Any]:
        """The variables of the process at its end."""
        return dict(self.workflow.data)

    @property
    def ended(self) -> bool:
        return bool(self.workflow.is_completed())


def _node(task: Any) -> str:
    name = task.task_spec.bpmn_id or task.task_spec.name
    return str(name).split(" [")[0]
