from __future__ import annotations

from collections.abc import Callable

import pytest

from bihuan.operations.surroundings import surroundings
from bihuan.processes import engine_store
from bihuan.processes.models import WorkItem
from tests.cast import Cast
from tests.processes.models import END, START, bpmn, task
from tests.web.visits import centre

__all__ = ["centre"]
Send = Callable[..., int]


def asking(*rules: str) -> str:
    """申请（抄送）→ 批准"""
    inside = "".join(f"<bihuan:cc {rule}/>" for rule in rules)
    copied = f"><extensionElements>{inside}</extensionElements></userTask>"
    ask, grant = task("申请", role="advisor").replace("/>", copied), task("批准", role="site_manager")
    return bpmn("leave", START, ask, grant, END, flows="start>申请 申请>批准 批准>end")


@pytest.fixture
def sent(cast: Cast) -> Send:
    """An application about no case whose first step has just been done, and copied by these rules; its number."""

    def send(*rules: str) -> int:
        engine_store.publish(asking(*rules), "leave")
        actor, around = cast.actor("advisor"), surroundings()
        started = engine_store.start_instance("leave", site_id=cast.yl.pk, actor=actor, title="李晓请假", around=around)
        item = WorkItem.unscoped.get(instance_id=started.instance_id)
        engine_store.complete_item(item.pk, {"天数": 3, "带薪": True}, actor=actor, around=around)
        return started.instance_id

    return send
