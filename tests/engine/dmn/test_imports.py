"""Decision files that import each other: what they name, and that the names stay apart."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from bihuan.engine.definition import DefinitionError
from bihuan.engine.dmn import check_dmn, namespace_in, parse_dmn

DMN = "https://www.omg.org/spec/DMN/20230324/MODEL/"


def file(namespace: str, inside: str, **imports: str) -> bytes:
    brought = "".join(
        f'<import name="{name}" namespace="urn:{space}" importType="{DMN}"/>' for name, space in imports.items()
    )
    return f'<definitions xmlns="{DMN}" name="n" namespace="urn:{namespace}">{brought}{inside}</definitions>'.encode()


def decision(name: str, text: str, needs: str = "", kind: str = "") -> str:
    logic = f"<literalExpression><text>{text}</text></literalExpression>"
    return f'<decision id="{name}" name="{name}"><variable name="{name}" typeRef="{kind}"/>{needs}{logic}</decision>'


def requires(kind: str, href: str) -> str:
    holder = "knowledge" if kind == "Knowledge" else "information"
    return f'<{holder}Requirement><required{kind} href="{href}"/></{holder}Requirement>'


RATES = file(
    "rates",
    '<itemDefinition name="小"><typeRef>number</typeRef><allowedValues><text>[0..1]</text></allowedValues>'
    '</itemDefinition><inputData id="i" name="等级"><variable name="等级" typeRef="string"/></inputData>'
    + decision("折扣", 'if 等级 = "金" then 0.8 else 1', requires("Input", "#i"), "小")
    + '<businessKnowledgeModel id="k" name="两倍"><variable name="两倍"/><encapsulatedLogic><formalParameter name="n"/>'
    "<literalExpression><text>n * 2</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>",
)
BILL = file(
    "bill",
    decision(
        "价", "r.折扣 * r.两倍(金额)", requires("Decision", "urn:rates#折扣") + requires("Knowledge", "urn:rates#k")
    )
    + decision("太大", "5", kind="r.小")
    + decision("级", "r.等级", requires("Input", "urn:rates#i")),
    r="rates",
)
TOTAL = file("total", decision("x", "b.价 + 1", requires("Decision", "urn:bill#价")), b="bill")


def beside(*files: bytes) -> Mapping[str, bytes]:
    return {namespace_in(each): each for each in files}


def test_a_file_uses_decisions_knowledge_types_and_inputs_of_another() -> None:
    model = parse_dmn(BILL, beside=beside(RATES))
    given = {"金额": 100, "r": {"等级": "金"}}
    assert model.evaluate("价", given) == Decimal(160) and model.evaluate("级", given) == "金"
    assert model.evaluate("价", {"金额": 100, "等级": "金"}) == Decimal(200), "its inputs are known by its name only"
    decided = model.decide("太大", {})
    assert decided.value is None and "不符合类型" in decided.warnings[0]


def test_what_is_imported_may_import() -> None:
    model = parse_dmn(TOTAL, beside=beside(RATES, BILL))
    assert model.evaluate("x", {"b": {"金额": 10, "r": {"等级": "金"}}}) == Decimal(17)


@pytest.mark.parametrize(
    ("main", "others", "words"),
    [
        (BILL, (), "不在一起"),
        (BILL.replace(b'import name="r"', b"import"), (RATES,), "要写它在这里的名称"),
        (BILL.replace(b"#k", b"#no"), (RATES,), "不在引入的文件"),
        (BILL, (RATES.replace(b"n * 2", b"n *"),), "引入的文件「r」有问题"),
        (TOTAL, (BILL,), "引入的文件「b」有问题"),
    ],
)
def test_an_import_that_cannot_be_used_is_refused(main: bytes, others: tuple[bytes, ...], words: str) -> None:
    assert any(words in problem.reason for problem in check_dmn(main, beside=beside(*others)))
    with pytest.raises(DefinitionError):
        parse_dmn(main, beside=beside(*others))


def test_files_that_import_each_other_come_to_an_end() -> None:
    one, other = file("a", decision("x", "1"), b="b"), file("b", decision("y", "1"), a="a")
    assert any("引入的文件「b」有问题" in problem.reason for problem in check_dmn(one, beside=beside(one, other)))
