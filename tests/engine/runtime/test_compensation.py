"""Compensation, transactions and cancelling: what was completed is undone, the latest first."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import IncidentRaised, Restore
from tests.engine.runtime.story import Story

TRIP = """
start s
and f
user Hotel
user Car
boundary bh on=Hotel compensate
boundary bc on=Car compensate
user UndoHotel undoes
user UndoCar undoes
bh ~> UndoHotel
bc ~> UndoCar
and j
user Pay
throw T compensate{what}
user After
end e
s -> f -> Hotel -> j
f -> Car -> j
j -> Pay -> T -> After -> e
"""


def trip(what: str = "") -> Story:
    return Story(TRIP.replace("{what}", what)).start()


def test_completed_activities_are_undone_in_reverse_order_and_the_thrower_waits() -> None:
    story = trip().complete("Car").complete("Hotel").complete("Pay")
    assert story.open == ["UndoHotel"], "the hotel was booked last"
    story.complete("UndoHotel")
    assert story.open == ["UndoCar"]
    assert story.complete("UndoCar").open == ["After"]
    assert story.complete("After").outcome == "completed" and not story.state.records


def test_a_named_activity_alone_is_undone() -> None:
    story = trip("=Car").complete("Car").complete("Hotel").complete("Pay")
    assert story.open == ["UndoCar"]
    assert story.complete("UndoCar").open == ["After"]


def test_the_thrower_may_go_on_at_once() -> None:
    story = trip("=Car nowait").complete("Car").complete("Hotel").complete("Pay")
    assert story.open == ["After", "UndoCar"]
    assert story.complete("After").outcome == ""
    assert story.complete("UndoCar").outcome == "completed"


def test_what_was_not_completed_is_not_undone() -> None:
    model = """
    start s
    user A
    user U undoes
    boundary b on=A compensate
    b ~> U
    boundary m on=A message=stop
    throw T compensate=A
    end e
    s -> A
    m -> T -> e
    """
    assert Story(model).start().message("m").outcome == "completed"


def test_what_is_undone_is_not_undone_again() -> None:
    model = """
    start s
    user A
    user U undoes
    boundary b on=A compensate
    b ~> U
    throw T compensate
    throw T2 compensate
    end e
    s -> A -> T -> T2 -> e
    """
    assert Story(model).start().complete("A").complete("U").outcome == "completed"


def test_what_can_be_undone_is_remembered_when_an_ended_instance_wakes() -> None:
    story = trip().complete("Car").complete("Hotel").complete("Pay")
    undoing = story.before
    story.cancel()
    story.do(Restore(undoing, story.before, "wake"))
    assert story.complete("UndoHotel").open == ["UndoCar"], "the undoing goes on where it stopped"
    assert story.complete("UndoCar").open == ["After"]


@pytest.mark.parametrize("open_", [0, 1])
def test_after_waking_a_repetition_under_way_still_does_not_count_as_completed(open_: int) -> None:
    model = """
    start s
    and f
    user Book each=items
    boundary b on=Book compensate
    user Undo undoes
    b ~> Undo
    user Pay
    throw T compensate=Book
    user After
    s -> f -> Book
    f -> Pay -> T -> After
    """
    story = Story(model).start(items=["car", "hotel"]).complete("Book")
    if not open_:
        story.complete("Book")
    before = story.before
    story.cancel()
    story.do(Restore(before, story.before, "wake"))
    assert story.complete("Pay").open == (["After", "Book"] if open_ else ["Undo"])


SUB = """
start s
sub P{multi} {
  start ps
  user A
  boundary b on=A compensate
  user UA undoes
  b ~> UA
  user B
  boundary c on=B compensate
  user UB undoes
  c ~> UB
  end pe
  ps -> A -> B -> pe{more}
}
user Q
throw T compensate{what}
end e
s -> P -> Q -> T -> e
"""


def sub(multi: str = "", more: str = "", what: str = "") -> Story:
    return Story(SUB.replace("{multi}", multi).replace("{more}", more).replace("{what}", what)).start(xs=["x", "y"])


@pytest.mark.parametrize("what", ["", "=P"])
def test_a_sub_process_without_a_handler_is_undone_by_what_is_in_it(what: str) -> None:
    story = sub(what=what).complete("A").complete("B").complete("Q")
    assert story.open == ["UB"]
    assert story.complete("UB").open == ["UA"]
    assert story.complete("UA").outcome == "completed"


HANDLER = """
  sub H byevent {
    start hs compensate
    user Tidy
    throw TH compensate=A
    end he
    hs -> Tidy -> TH -> he
  }"""


def test_a_compensation_event_sub_process_decides_what_is_undone() -> None:
    story = sub(more=HANDLER).complete("A").complete("B").complete("Q")
    assert story.open == ["Tidy"]
    assert story.complete("Tidy").open == ["UA"]
    assert story.complete("UA").outcome == "completed"


def test_a_compensation_event_sub_process_does_not_run_when_its_own_level_never_ended() -> None:
    story = sub(more=HANDLER, what="=P").complete("A")
    assert "Tidy" not in story.open and story.cancel().outcome == "cancelled"


def test_each_repetition_is_undone_with_its_own_item() -> None:
    model = """
    start s
    user A each=xs item=x
    boundary b on=A compensate
    user U title="x" undoes
    b ~> U
    throw T compensate
    end e
    s -> A -> T -> e
    """
    story = Story(model).start(xs=["one", "two"])
    story.complete("A", number=1).complete("A")
    titles = []
    while story.outcome == "":
        [wait] = story.state.waits
        titles.append(next(e.title for e in story.last if type(e).__name__ == "ItemOpened" and e.wait == wait))
        story.complete("U")
    assert titles == ["one", "two"], "the second was done first, so the first is undone first"


def test_what_is_still_being_repeated_is_not_undone() -> None:
    model = """
    start s
    and f
    user A times=2
    user B
    boundary b on=A compensate
    user U undoes
    b ~> U
    throw T compensate
    throw T2 compensate
    end e
    s -> f -> A -> T2 -> e
    f -> B -> T -> e
    """
    story = Story(model).start().complete("A").complete("B")
    assert story.open == ["A"]
    assert story.complete("A").complete("U").complete("U").outcome == "completed"


def test_each_repetition_of_a_sub_process_keeps_its_own_data() -> None:
    story = sub(multi=" each=xs item=x sequential", more=HANDLER.replace("user Tidy", 'user Tidy title="x"'))
    for _ in "xy":
        story.complete("A").complete("B")
    story.complete("Q")
    seen = []
    while story.outcome == "":
        opened = story.happened(type(next(e for e in story.history if type(e).__name__ == "ItemOpened")))
        seen += [event.title for event in opened if event.node == "Tidy"]
        story.complete(story.open[0])
    assert seen == ["y", "x"]


def test_each_round_of_a_loop_is_undone() -> None:
    model = """
    start s
    user A max=2
    boundary b on=A compensate
    user U undoes
    b ~> U
    end e compensate
    s -> A -> e
    """
    story = Story(model).start().complete("A").complete("A")
    assert story.complete("U").open == ["U"]
    assert story.complete("U").outcome == "completed"


def test_an_error_in_an_event_sub_process_may_undo_what_was_done_around_it() -> None:
    model = """
    start s
    sub P {
      start ps
      user A
      boundary b on=A compensate
      user U undoes
      b ~> U
      service S
      end pe
      ps -> A -> S -> pe
      sub H byevent {
        start hs error=E
        throw T compensate
        end he
        hs -> T -> he
      }
    }
    user Q
    end e
    s -> P -> Q -> e
    """
    story = Story(model).start().complete("A").fail("S", error="E")
    assert story.open == ["U"]
    assert story.complete("U").open == ["Q"]


def test_interrupting_a_sub_process_forgets_what_was_done_in_it() -> None:
    story = sub().complete("A")
    assert story.state.records
    story.cancel()
    assert not story.state.records


def test_an_error_while_undoing_goes_to_who_is_around_the_thrower() -> None:
    model = """
    start s
    sub P {
      start ps
      user A
      boundary b on=A compensate
      service U undoes
      b ~> U
      end pe compensate
      ps -> A -> pe
    }
    boundary err on=P error=E
    user Q
    end e
    s -> P -> e
    err -> Q -> e
    """
    assert Story(model).start().complete("A").fail("U", error="E").open == ["Q"]


def test_a_failing_handler_is_an_incident_like_any_other() -> None:
    story = Story(TRIP.replace("user UndoCar", "service UndoCar").replace("{what}", "=Car")).start()
    story.complete("Car").complete("Hotel").complete("Pay").fail("UndoCar")
    assert story.happened(IncidentRaised) and story.skip().open == ["After"]


TRANSACTION = """
start s
transaction P {
  start ps
  and f
  user A
  boundary b on=A compensate
  user U undoes
  b ~> U
  user B
  user C
  xor g
  end ok
  end no cancel
  end be
  ps -> f -> A -> C -> g
  f -> B -> be
  g -> no : bad
  g -> ok : else
}
boundary x on=P cancel
boundary hazard on=P error=E
user Cancelled
user Broken
user Done
s -> P -> Done
x -> Cancelled
hazard -> Broken
"""


def test_a_transaction_that_is_cancelled_stops_undoes_and_leaves_by_its_cancel_event() -> None:
    story = Story(TRANSACTION).start(bad=True).complete("A").complete("C")
    assert story.open == ["U"], "B is cancelled, A is undone"
    assert story.complete("U").open == ["Cancelled"]


NOTHING_DONE = "start s\nuser C\ntransaction P {\nstart ps\nend no cancel\nps -> no\n}\n"


def test_a_cancelled_transaction_with_nothing_to_undo_leaves_at_once() -> None:
    assert Story(NOTHING_DONE + "boundary x on=P cancel\ns -> P\nx -> C").start().open == ["C"]


def test_a_cancelled_transaction_without_a_cancel_event_ends_its_way() -> None:
    assert Story(NOTHING_DONE + "s -> P -> C").start().outcome == "completed"


def test_a_transaction_that_is_not_cancelled_goes_on() -> None:
    assert Story(TRANSACTION).start(bad=False).complete("A").complete("B").complete("C").open == ["Done"]


def test_a_hazard_leaves_a_transaction_without_undoing() -> None:
    model = TRANSACTION.replace("user B", "service B")
    assert Story(model).start(bad=False).complete("A").fail("B", error="E").open == ["Broken"]


def test_a_completed_transaction_can_be_undone_later() -> None:
    model = TRANSACTION.replace("user Done", "user Done\nthrow T compensate=P\nDone -> T")
    story = Story(model).start(bad=False).complete("A").complete("B").complete("C").complete("Done")
    assert story.open == ["U"] and story.complete("U").outcome == "completed"
