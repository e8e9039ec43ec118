"""Stories of a rule book that changes while work is under way."""

from __future__ import annotations

import pytest

from tests.cast import Cast
from tests.operations.scenarios.test_time import tell

pytestmark = pytest.mark.django_db


def test_work_at_several_places_moves_to_the_new_version_and_all_ends_right(cast: Cast) -> None:
    tell("""
scenario: 三件建议停在不同环节，处理改叫整改、备料改由技师并限十分钟，迁移后都办完
given:
  clock: 2026-11-24 09:00
  limits: |
    [[limit]]
    key = "solve"
    name = "处理"
    target = "4h"
    of = "case"
    start = "completed:受理"
    stop = "completed:处理"
    [[limit]]
    key = "quick"
    name = "备料"
    target = "10m"
steps:
  - {do: start, process: suggestion, as: 周敏, with: {title: 甲}, save: 甲}
  - {do: start, process: suggestion, as: 周敏, with: {title: 乙}, save: 乙}
  - {do: start, process: suggestion, as: 周敏, with: {title: 丙}, save: 丙}
  - {task: 受理, case: 乙, as: 周敏}
  - {task: 受理, case: 丙, as: 周敏}
  - {task: 备料, case: 丙, as: 吴静}
  - {do: claim, task: 处理, case: 丙, as: 钱进}
  - {do: suspend, case: 乙, as: 卫明, with: {reason: 等新规定}}
  - at: +5m
    do: publish_version
    as: 卫明
    with:
      process: suggestion
      change:
        '"处理"': '"整改"'
        'bihuan:role="parts_clerk"': 'bihuan:role="technician" bihuan:limit="quick"'
  - {do: migrate, as: 何平, with: {process: suggestion, reason: 新规定}, refused: 的权限}
  - {do: migrate, as: 卫明, with: {process: suggestion, reason: 新规定, mapping: {处理: 整改}, moved: 3}}
  - {task: 受理, case: 甲, as: 周敏, then: {clock_due: {quick: 2026-11-24 09:15}}}
  - {task: 备料, case: 甲, as: 赵强}
  - at: 2026-11-24 10:00
    do: resume_case
    case: 乙
    as: 卫明
    then: {clock_due: {quick: 2026-11-24 10:10}}
  - {task: 备料, case: 乙, as: 赵强}
  - {task: 整改, case: 丙, as: 钱进, then: {clock: {solve: met}}}
  - {task: 整改, case: 甲, as: 赵强}
  - {task: 整改, case: 乙, as: 赵强, then: {clock: {solve: met}}}
  - {task: 复核, case: 甲, as: 郑国, then: {process: completed}}
  - {task: 复核, case: 乙, as: 郑国, then: {process: completed}}
  - {task: 复核, case: 丙, as: 郑国, then: {process: completed, history: [流程从第 2 版换到第 3 版, 备料]}}
""")


def test_a_version_with_a_fault_is_held_mended_and_let_go_on(cast: Cast) -> None:
    tell("""
scenario: 发现规定有误，停用并暂停进行中的；新版发布后迁移，再一起恢复
given:
  clock: 2026-11-24 09:00
steps:
  - {do: start, process: suggestion, as: 周敏, with: {title: 甲}, save: 甲}
  - {do: hold_version, as: 卫明, with: {process: suggestion, reason: 规定有误}}
  - {task: 受理, case: 甲, as: 周敏, refused: 流程已挂起}
  - {do: start, process: suggestion, as: 周敏, with: {title: 乙}, refused: 已停用}
  - {do: publish_version, as: 卫明, with: {process: suggestion, change: {'"受理"': '"登记"'}}}
  - {do: migrate, as: 卫明, with: {process: suggestion, mapping: {受理: 登记}, reason: 新规定, moved: 1}}
  - {do: release_version, as: 卫明, with: {process: suggestion, version: 1, reason: 新规定}}
  - {task: 登记, case: 甲, as: 周敏}
  - {task: 备料, case: 甲, as: 吴静}
""")
