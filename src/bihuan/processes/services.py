"""Running the services that a step asks for: in the same transaction, each in a savepoint, failure becoming data."""

from __future__ import annotations

import logging
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from bihuan.engine.runtime import Command, FailService, FinishService, ServiceRequested, UnfitValue, normalised
from bihuan.kernel.errors import BusinessError
from bihuan.processes.contract import ServiceCall, ServiceError
from bihuan.processes.rows import Loaded
from bihuan.processes.unit import Unit

log = logging.getLogger("bihuan.processes")

DECISION = "decision"
"""The service that evaluates business-rule tasks; the call names the decision."""


def request_service(unit: Unit, instance: Loaded, event: ServiceRequested) -> None:
    """Have the service run once the events of this step are all applied."""
    unit.later(lambda: _run(unit, instance, event))


def _run(unit: Unit, instance: Loaded, event: ServiceRequested) -> None:
    if event.wait in instance.state.waits:
        unit.ran_services = True
        answer = _answer(unit, instance, event)
        unit.forget_visible()
        unit.follow(instance, answer)


def _answer(unit: Unit, instance: Loaded, event: ServiceRequested) -> Command:
    name = DECISION if event.decision else event.service
    handler = unit.around.services.get(name)
    if unit.is_runaway:
        return FailService(event.wait, "流程在一次处理中步数过多，可能在原地循环")
    if handler is None:
        return FailService(event.wait, f"没有名为“{name}”的服务")
    call = ServiceCall(
        service=event.service,
        node_id=event.node,
        instance=instance.facts,
        inputs=dict(event.inputs),
        variables=dict(instance.state.variables),
        actor=unit.actor,
        now=unit.now,
        decision=event.decision,
    )
    try:
        with transaction.atomic():
            values: dict[str, Any] = normalised(handler(call) or {})
    except ServiceError as error:
        return FailService(event.wait, error.reason, error=error.code, variables=error.variables)
    except (BusinessError, UnfitValue) as refusal:
        return FailService(event.wait, str(refusal))
    except (OperationalError, InterfaceError):
        # The database itself is in trouble; nothing of this transaction can be saved.
        raise
    except Exception as failure:
        log.exception("service %s of instance %s failed", name, instance.id)
        return FailService(event.wait, f"服务“{name}”出错（{type(failure).__name__}），详情见系统日志")
    return FinishService(event.wait, values)
