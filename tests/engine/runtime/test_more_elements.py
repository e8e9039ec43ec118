"""Complex gateways and ad-hoc sub-processes."""

from __future__ import annotations

import pytest

from bihuan.engine.runtime import BeginActivity, CommandRejected, IncidentRaised
from tests.engine.runtime.story import Story

TWO_OF_THREE = """
start s
and f
user A
user B
user C
complex g activation="activationCount >= 2"
user D
s -> f -> A -> g
f -> B -> g
f -> C -> g
g -> D{condition}
"""


def two_of_three(condition: str = "") -> Story:
    return Story(TWO_OF_THREE.replace("{condition}", condition)).start()


def test_a_complex_gateway_goes_on_with_two_of_three_and_takes_up_the_third() -> None:
    story = two_of_three().complete("A")
    assert story.open == ["B", "C"]
    assert story.complete("C").open == ["B", "D"]
    assert story.complete("B").open == ["D"], "the late one is taken up, not passed on"
    assert not story.state.gateways and story.complete("D").outcome == "completed"


def test_a_late_token_goes_on_where_the_model_says_so() -> None:
    story = two_of_three(" : not(waitingForStart) or activation = 1").set(activation=1)
    story.complete("A").complete("B")
    assert story.open == ["C", "D"]
    assert story.complete("C").open == ["D", "D"]


def test_a_complex_gateway_begins_anew_when_the_others_can_no_longer_come() -> None:
    model = """
    start s
    and f
    user A
    user B
    user C
    complex g activation="activationCount >= 2"
    user D
    xor away
    end e
    s -> f
    f -> A -> g
    f -> B -> g
    f -> C -> away
    away -> g : come
    away -> e : else
    g -> D -> e
    """
    story = Story(model).start(come=False).complete("A").complete("B")
    assert story.state.gateways
    story.complete("C")
    assert not story.state.gateways and story.complete("D").outcome == "completed"


def test_a_complex_gateway_may_count_the_tokens_of_a_flow() -> None:
    model = TWO_OF_THREE.replace("activationCount >= 2", "A_g >= 1 and B_g >= 1").replace("{condition}", "")
    story = Story(model).start().complete("A").complete("C")
    assert "D" not in story.open
    assert story.complete("B").open == ["D"]


def test_a_complex_gateway_without_a_condition_joins_whoever_can_come() -> None:
    story = Story(TWO_OF_THREE.replace(' activation="activationCount >= 2"', "").replace("{condition}", "")).start()
    assert story.complete("A").complete("B").open == ["C"]
    assert story.complete("C").open == ["D"]


def test_a_condition_that_can_never_be_true_is_told() -> None:
    story = Story(TWO_OF_THREE.replace(">= 2", ">= 4").replace("{condition}", "")).start()
    story.complete("A").complete("B").complete("C")
    assert story.happened(IncidentRaised)


def test_a_complex_gateway_splits_by_every_true_flow() -> None:
    model = "start s\ncomplex g\nuser A\nuser B\nuser C\ns -> g\ng -> A : x > 1\ng -> B : x > 2\ng -> C : x > 3"
    assert Story(model).start(x=3).open == ["A", "B"]


AD_HOC = """
start s
adhoc P{how} {
  user A
  user B
  user C
  B -> C
}
user Next
s -> P -> Next
"""


def ad_hoc(how: str = "") -> Story:
    return Story(AD_HOC.replace("{how}", how)).start()


def doors(story: Story) -> list[str]:
    return [node for node in story.open if node != "P"]


def test_ad_hoc_activities_may_be_done_in_any_order() -> None:
    story = ad_hoc()
    assert doors(story) == ["A", "B"]
    assert doors(story.complete("B")) == ["A", "C"]
    assert doors(story.complete("A").complete("C")) == ["Next"]
    assert story.open == ["Next"]


def test_ad_hoc_activities_in_turn_follow_the_file() -> None:
    story = ad_hoc(" sequential")
    assert doors(story) == ["A"]
    assert doors(story.complete("A")) == ["B"]
    assert story.complete("B").complete("C").open == ["Next"]


def test_an_ad_hoc_sub_process_ends_when_its_condition_is_true_and_cancels_the_rest() -> None:
    story = ad_hoc(" completion=enough").complete("B", enough=False)
    assert doors(story) == ["A", "C"]
    assert story.complete("C", enough=True).open == ["Next"]


def test_an_ad_hoc_sub_process_may_let_the_rest_be_finished() -> None:
    story = ad_hoc(" completion=enough keep").complete("A", enough=True)
    assert story.open == ["B"]
    assert story.complete("B", enough=True).open == ["C"], "what was begun goes its way"
    assert story.complete("C", enough=True).open == ["Next"]


def test_activities_may_be_begun_again_until_it_is_enough() -> None:
    story = ad_hoc(" completion=enough").complete("A", enough=False).complete("B", enough=False)
    story.complete("C", enough=False)
    assert story.open == ["P"]
    story.do(BeginActivity(story.wait("P", "adhoc"), "A"))
    assert story.complete("A", enough=True).open == ["Next"]


def test_activities_may_wait_for_somebody_to_begin_them() -> None:
    story = ad_hoc(" sequential byhand")
    assert story.open == ["P"]
    story.do(BeginActivity(story.wait("P", "adhoc"), "B"))
    assert doors(story) == ["B"]
    with pytest.raises(CommandRejected, match="一次只能做一件"):
        story.do(BeginActivity(story.wait("P", "adhoc"), "A"))
    story.complete("B").complete("C")
    with pytest.raises(CommandRejected, match="没有可以单独开始"):
        story.do(BeginActivity(story.wait("P", "adhoc"), "C"))
    story.do(BeginActivity(story.wait("P", "adhoc"), "A"))
    assert story.complete("A").open == ["Next"]


def test_the_model_may_choose_what_begins() -> None:
    model = AD_HOC.replace("{how}", " chosen=todo")
    assert doors(Story(model).start(todo=["B"])) == ["B"]
    assert Story(model).start(todo=["B"]).complete("B").complete("C").open == ["Next"], "the others need not be done"
    assert Story(model).start(todo=[]).open == ["Next"]
    assert doors(Story(model.replace("todo", "todo completion=enough")).start(todo=[])) == []
    for wrong in (["C"], "A", None):
        story = Story(model).start(todo=wrong)
        assert story.happened(IncidentRaised) and doors(story.set(todo=["A"]).retry()) == ["A"]


def test_interrupting_an_ad_hoc_sub_process_leaves_nothing_behind() -> None:
    model = AD_HOC.replace("{how}", "") + "boundary b on=P message=m\nuser X\nb -> X"
    assert Story(model).start().message("b").open == ["X"]


def test_an_activity_may_need_several_tokens_to_begin() -> None:
    model = "start s\nand f\nuser A\nuser B\nxor m\nuser C takes=2\nend e\ns -> f -> A -> m\nf -> B -> m\nm -> C -> e"
    story = Story(model).start().complete("A")
    assert story.open == ["B"]
    assert story.complete("B").open == ["C"]
    assert story.complete("C").outcome == "completed"


def test_an_activity_may_give_several_tokens_when_it_is_done() -> None:
    story = Story("start s\nuser A gives=3\nuser B\nend e\ns -> A -> B -> e").start().complete("A")
    assert story.open == ["B", "B", "B"]
    assert story.complete("B").complete("B").complete("B").outcome == "completed"


def test_tokens_that_will_never_be_enough_are_told() -> None:
    story = Story("start s\nuser A takes=2\nuser B\ns -> A -> B").start()
    assert story.happened(IncidentRaised) and story.skip().open == ["B"]
