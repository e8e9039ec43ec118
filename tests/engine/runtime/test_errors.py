"""Errors and escalations: who catches them, and what becomes of those nobody catches."""

from __future__ import annotations

from bihuan.engine.runtime import ErrorThrown, EscalateCall, EscalationThrown, IncidentRaised
from tests.engine.runtime.story import Story

ERROR = """
start s
sub P {
  start ps
  service S
  end pe
  end pf error=E2
  xor g
  ps -> S -> g
  g -> pe : ok
  g -> pf : else
}
boundary E1 on=P error=E1 codeVariable=code
boundary Any on=P error=
user A
user B
user C
s -> P -> A
E1 -> B
Any -> C
"""


def test_an_error_goes_to_the_event_that_names_it() -> None:
    story = Story(ERROR).start().fail("S", "没货", "E1", 差=3)
    assert story.open == ["B"] and story.variables == {"差": 3, "code": "E1"}


def test_an_error_nobody_names_goes_to_the_event_that_takes_all() -> None:
    story = Story(ERROR).start().finish("S", ok=False)
    assert story.open == ["C"] and story.happened(ErrorThrown)[0].caught_by == "Any"


def test_no_error_no_detour() -> None:
    assert Story(ERROR).start().finish("S", ok=True).open == ["A"]


def test_an_error_passes_levels_that_do_not_catch_it() -> None:
    model = """
    start s
    sub P {
      start ps
      sub Q {
        start qs
        end qe error=E
        qs -> qe
      }
      user X
      ps -> Q -> X
    }
    boundary E on=P error=E
    user B
    s -> P
    E -> B
    """
    assert Story(model).start().open == ["B"]


def test_an_error_end_nobody_catches_ends_the_instance_with_its_code() -> None:
    story = Story("start s\nand f\nuser A\nuser B\nend e error=E9\ns -> f -> A -> e\nf -> B").start().complete("A")
    assert story.outcome == "error" and story.last[-1].code == "E9"


def test_a_service_error_nobody_catches_is_an_incident() -> None:
    story = Story("start s\nservice S\nend e\ns -> S -> e").start().fail("S", "没货", "E1")
    assert "E1" in story.happened(IncidentRaised)[0].reason


def test_an_error_from_a_called_process_is_caught_at_the_call() -> None:
    model = "start s\ncall C called=x\nboundary E on=C error=E1\nuser A\ns -> C\nE -> A"
    assert Story(model).start().call_failed("C", "E1").open == ["A"]


ESCALATION = """
start s
sub P {
  start ps
  user A
  throw up escalation=上报
  user B
  ps -> A -> up -> B
}
boundary U on=P escalation=上报 nonint
user C
s -> P
U -> C
"""


def test_an_escalation_may_be_handled_beside_the_work() -> None:
    assert Story(ESCALATION).start().complete("A").open == ["B", "C"]


def test_an_escalation_may_take_the_work_away() -> None:
    assert Story(ESCALATION.replace(" nonint", "")).start().complete("A").open == ["C"]


def test_an_escalation_nobody_catches_is_only_recorded() -> None:
    story = Story("start s\nthrow up escalation=x\nuser A\ns -> up -> A").start()
    assert story.open == ["A"] and story.happened(EscalationThrown) == [EscalationThrown("up", "x")]


def test_a_call_may_escalate_and_run_on() -> None:
    story = Story("start s\ncall C called=x\nboundary U on=C escalation= nonint\nuser A\ns -> C\nU -> A").start()
    story.do(EscalateCall(story.wait("C", "call"), "上报"))
    assert story.open == ["A", "C"]


def test_an_event_sub_process_may_catch_an_error_before_the_boundary_does() -> None:
    model = """
    start s
    sub P {
      start ps
      service S
      ps -> S
      sub H byevent {
        start hs error=E
        user X
        hs -> X
      }
    }
    boundary B on=P error=E
    user Y
    user Z
    s -> P -> Z
    B -> Y
    """
    story = Story(model).start().fail("S", "坏", "E")
    assert story.open == ["X"] and story.complete("X").open == ["Z"]
