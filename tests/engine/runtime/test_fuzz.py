"""Damaged models: each is refused with reasons, or runs without breaking, whatever is asked of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from lxml import etree

from bihuan.engine.definition import DefinitionError, parse_bpmn
from bihuan.engine.runtime import (
    BeginActivity,
    CancelInstance,
    Command,
    CommandRejected,
    CompleteItem,
    DeliverMessage,
    DeliverSignal,
    FailCall,
    FailService,
    FinishCall,
    FinishService,
    FireTimer,
    RetryIncident,
    SetVariables,
    SkipIncident,
)
from tests.engine.runtime.models import KINDS, xml_of
from tests.engine.runtime.story import Story

EVERYTHING = """
start s
user A title=x
| <extensionElements><bihuan:input source="x + 1" target="y"/><bihuan:output source="y" target="z"/></extensionElements>
xor g
and f
and j
or o
or k
sub P each=xs item=x2 {
  start ps
  service S
  end pe error=E
  xor pg
  end pn
  ps -> S -> pg
  pg -> pe : bad
  pg -> pn : else
  sub H byevent {
    start hs after=PT1H nonint
    user X
    hs -> X
  }
}
boundary b on=P error=E
boundary t on=P every=R3/PT1H nonint
user L times=3 until=enough out=rs value=r
user W while=again max=4
boundary ba on=A compensate
user UA undoes
ba ~> UA
boundary bc on=A when="x = 2" nonint
boundary bm on=W message=m signal=sg parallel nonint
complex cg activation="activationCount >= 2"
transaction T each=xs sequential {
  start ts
  user TA
  boundary tb on=TA compensate
  service TU undoes
  tb ~> TU
  xor tg
  end tc cancel
  end to
  ts -> TA -> tg
  tg -> tc : bad
  tg -> to : else
}
boundary tx on=T cancel
adhoc AH completion=enough {
  user A1
  service A2
  A3 -> A4
  script A3 code=x
  user A4
}
throw und compensate
event v
catch c1 message=m correlation=x
catch c2 signal=sg
catch c3 at=2026-12-01
call C called=other
throw th escalation=up
rule R decision=d result=dr
script Q code="{q: 1}"
send M message=m
receive N message=n
end e
end te terminate
s -> A -> g
g -> f : x > 1
g -> v : else
f -> P -> j
f -> L -> j
j -> o
o -> W : x > 2
o -> C : true
W -> k
C -> k
k -> th -> R -> Q -> M -> N -> T -> AH -> und -> e
tx -> und
bc -> cg
bm -> cg
cg -> e
b -> te
t -> te
v -> c1 -> A
v -> c2 -> e
v -> c3 -> e
"""
TAGS = [f"{{http://www.omg.org/spec/BPMN/20100524/MODEL}}{tag}" for tag in (*KINDS.values(), "nonsense")]
VALUES = [1, 0, True, False, None, "x", [1, 2], [], {"a": 1}, -5, 3.5]
NAMES = ["x", "xs", "bad", "enough", "again", "r", "y"]


def damage(root: etree._Element, chance: random.Random) -> None:
    """One small accident somewhere in the file."""
    elements = [element for element in root.iter() if element is not root]
    element = chance.choice(elements)
    parent = element.getparent()
    kind = chance.randrange(7)
    ids = [other.get("id", "") for other in elements if other.get("id")]
    if kind == 0 and parent is not None:
        parent.remove(element)
    elif kind == 1 and element.attrib:
        del element.attrib[chance.choice(list(element.attrib))]
    elif kind == 2 and element.attrib:
        element.set(chance.choice(list(element.attrib)), chance.choice([*ids, "", "true", "999", "=x", "${x}"]))
    elif kind == 3:
        element.tag = chance.choice(TAGS)
    elif kind == 4:
        place = chance.choice(elements)
        if element not in [place, *place.iterancestors()]:
            place.append(element)
    elif kind == 5:
        element.text = chance.choice(["", "=", "x", "PT1H", "true", "1..", "\u00e9", "=count(xs)"])
    else:
        flows = [other for other in elements if other.get("sourceRef")]
        chance.choice(flows).set(chance.choice(["sourceRef", "targetRef"]), chance.choice(ids))


def asked(story: Story, chance: random.Random) -> Command:
    """Some command that might make sense now."""
    values = {name: chance.choice(VALUES) for name in chance.sample(NAMES, 3)}
    if story.state.incidents and chance.random() < 0.5:
        incident = chance.choice(list(story.state.incidents.values()))
        ways = [*story.process.nodes[incident.node].outgoing, None]
        return chance.choice([RetryIncident(incident.id), SkipIncident(incident.id, values, chance.choice(ways))])
    if not story.state.waits or chance.random() < 0.02:
        return CancelInstance()
    wait = chance.choice(list(story.state.waits.values()))
    makers: dict[str, list[Any]] = {
        "item": [CompleteItem(wait.id, values)],
        "timer": [FireTimer(wait.id)],
        "message": [DeliverMessage(wait.id, values)],
        "signal": [DeliverSignal(wait.id, values)],
        "service": [FinishService(wait.id, values), FailService(wait.id, "x", "E"), FailService(wait.id, "x")],
        "call": [FinishCall(wait.id, values), FailCall(wait.id, "x", "E"), FailCall(wait.id, "x")],
        "condition": [SetVariables(values)],
        "adhoc": [BeginActivity(wait.id, chance.choice(["A1", "A2", "A3", "A4"]))],
    }
    return chance.choice(makers[wait.kind])  # type: ignore[no-any-return]


def play(xml: bytes, chance: random.Random) -> bool:
    """Read and run one file. False if it was refused."""
    try:
        process = parse_bpmn(xml).main
    except DefinitionError as error:
        assert error.problems and all(problem.reason for problem in error.problems)
        return False
    story = Story(process)
    try:
        story.start(**{name: chance.choice(VALUES) for name in NAMES})
        for _ in range(40):
            if story.state.status == "ended":
                break
            story.do(asked(story, chance))
    except CommandRejected:
        pass
    return True


@pytest.mark.parametrize("seed", range(12))
def test_damaged_models(seed: int) -> None:
    chance = random.Random(seed)
    whole = etree.fromstring(xml_of(EVERYTHING).encode())
    ran = 0
    for _ in range(60):
        root = etree.fromstring(etree.tostring(whole))
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            damage(root, chance)
        ran += play(etree.tostring(root), chance)
    assert ran > 5, "the damage must leave something that runs"


@pytest.mark.parametrize("seed", range(6))
def test_undamaged_models_under_random_commands(seed: int) -> None:
    chance = random.Random(seed)
    assert all(play(xml_of(EVERYTHING).encode(), chance) for _ in range(25))
