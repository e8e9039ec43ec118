"""A drawing that is not executable can be tried out although it leaves much open; it cannot be published so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bihuan.engine.definition import check_bpmn, parse_bpmn, review_bpmn
from bihuan.engine.rehearsal import rehearse
from tests.engine.runtime.models import HEAD

DRAWN = (
    f'{HEAD}<process id="p" isExecutable="false"><startEvent id="s"/><userTask id="A"><standardLoopCharacteristics/></userTask>'  # noqa: E501
    '<boundaryEvent id="late" attachedToRef="A"><timerEventDefinition/></boundaryEvent>'
    '<intermediateCatchEvent id="w"><timerEventDefinition><timeDuration>in 2 days?</timeDuration>'
    '</timerEventDefinition></intermediateCatchEvent><intermediateCatchEvent id="v"/><exclusiveGateway id="g"/>'
    '<callActivity id="B"/>\n<userTask id="C"><multiInstanceLoopCharacteristics/></userTask><endEvent id="e"/>'
    + "".join(
        f'<sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}"/>'
        for a, b in ("sA", "Aw", "wv", "vg", "gB", "gC", "Be", "Ce")
    )
    + "</process></definitions>"
)
GAPS = ["bad-expression", "bad-loop", "bad-loop", "boundary-without-way", "call-without-process"]
GAPS += ["event-without-trigger", "missing-condition", "missing-condition", "timer-without-time"]


@pytest.mark.parametrize("drawn", [DRAWN, DRAWN.replace(' isExecutable="false"', "", 1)])
def test_what_a_drawing_leaves_open_is_advice_when_it_is_tried_and_refused_when_it_is_published(drawn: str) -> None:
    told = review_bpmn(drawn, drawings=True)
    assert all(each.advice for each in told)
    assert sorted(each.code for each in told if each.code in GAPS) == GAPS
    assert [each.code for each in told if each.element == "process"] == ["drawing"], "it says that it is one"
    assert set(GAPS) - {"missing-condition"} <= {each.code for each in check_bpmn(drawn)}


def test_a_drawing_with_gaps_can_be_walked_through() -> None:
    model = parse_bpmn(DRAWN, drawings=True)
    outcome = rehearse(model, model.main, now=datetime(2026, 11, 24, tzinfo=UTC), auto=True)
    assert outcome.state == "completed" and not model.main.executable
    assert outcome.main.nodes == ["s", "A", "w", "v", "g", "B", "e"], "the first way where nothing says which"


def test_a_process_that_says_it_is_executable_may_have_no_gaps() -> None:
    xml = DRAWN.replace('"false"', '"true"', 1)
    assert {each.code for each in review_bpmn(xml, drawings=True) if not each.advice} >= {
        "bad-loop",
        "timer-without-time",
    }
