"""Which element behaves how. A kind that is not here cannot run; the reader of BPMN files has refused it before."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bihuan.engine.runtime.element import Element
from bihuan.engine.runtime.elements.ad_hoc import AdHocSubProcess
from bihuan.engine.runtime.elements.boundary_event import BoundaryEvent
from bihuan.engine.runtime.elements.business_rule_task import BusinessRuleTask
from bihuan.engine.runtime.elements.call_activity import CallActivity
from bihuan.engine.runtime.elements.catch_event import CatchEvent
from bihuan.engine.runtime.elements.complex_gateway import ComplexGateway
from bihuan.engine.runtime.elements.end_event import EndEvent
from bihuan.engine.runtime.elements.event_gateway import EventGateway
from bihuan.engine.runtime.elements.exclusive_gateway import ExclusiveGateway
from bihuan.engine.runtime.elements.inclusive_gateway import InclusiveGateway
from bihuan.engine.runtime.elements.parallel_gateway import ParallelGateway
from bihuan.engine.runtime.elements.plain_task import PlainTask
from bihuan.engine.runtime.elements.receive_task import ReceiveTask
from bihuan.engine.runtime.elements.script_task import ScriptTask
from bihuan.engine.runtime.elements.send_task import SendTask
from bihuan.engine.runtime.elements.service_task import ServiceTask
from bihuan.engine.runtime.elements.start_event import StartEvent
from bihuan.engine.runtime.elements.sub_process import SubProcess
from bihuan.engine.runtime.elements.throw_event import ThrowEvent
from bihuan.engine.runtime.elements.user_task import UserTask

ELEMENTS: Mapping[str, Element] = MappingProxyType(
    {
        "startEvent": StartEvent(),
        "endEvent": EndEvent(),
        "intermediateCatchEvent": CatchEvent(),
        "intermediateThrowEvent": ThrowEvent(),
        "boundaryEvent": BoundaryEvent(),
        "task": PlainTask(),
        "userTask": UserTask(),
        "manualTask": UserTask(),
        "serviceTask": ServiceTask(),
        "sendTask": SendTask(),
        "receiveTask": ReceiveTask(),
        "businessRuleTask": BusinessRuleTask(),
        "scriptTask": ScriptTask(),
        "exclusiveGateway": ExclusiveGateway(),
        "parallelGateway": ParallelGateway(),
        "inclusiveGateway": InclusiveGateway(),
        "eventBasedGateway": EventGateway(),
        "complexGateway": ComplexGateway(),
        "subProcess": SubProcess(),
        "transaction": SubProcess(),
        "adHocSubProcess": AdHocSubProcess(),
        "callActivity": CallActivity(),
    }
)
