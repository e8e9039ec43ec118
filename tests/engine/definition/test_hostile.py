"""Files that are broken, too big or meant to do harm: each gets a clear message and none gets further."""

from __future__ import annotations

import pytest

from bihuan.engine.definition import DefinitionError, Model, check_bpmn, parse_bpmn

NAMESPACE = "http://www.omg.org/spec/BPMN/20100524/MODEL"
BODY = '<process id="p"><startEvent id="s"/><userTask id="t" name="接待"/><sequenceFlow id="f" sourceRef="s" targetRef="t"/></process>'  # noqa: E501
GOOD = f'<definitions xmlns="{NAMESPACE}" targetNamespace="x">{BODY}</definitions>'


def only(data: bytes | str) -> tuple[str, str, int]:
    """Code, reason and line of the only problem."""
    [problem] = check_bpmn(data, source="f.bpmn")
    assert problem.source == "f.bpmn"
    return problem.code, problem.reason, problem.line


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
FILE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
NET = '<!DOCTYPE x SYSTEM "http://example.invalid/x.dtd">'


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        ("", "empty", "空"),
        (b"", "empty", "空"),
        ("   \n ", "empty", "空"),
        ("hello", "not-xml", "XML"),
        ("<definitions>", "not-xml", "XML"),
        (GOOD[:-5], "not-xml", "XML"),
        ("<a/>", "not-bpmn", "BPMN 2.0"),
        ('<definitions xmlns="http://schema.omg.org/spec/BPMN/2.0"/>', "not-bpmn", "命名空间"),
        (GOOD.replace("接待", "&nbsp;"), "not-xml", "XML"),
        (BOMB + GOOD.replace("接待", "&c;"), "doctype", "DOCTYPE"),
        (FILE + GOOD.replace("接待", "&f;"), "doctype", "DOCTYPE"),
        ("<?xml version='1.0'?>\n<!-- x -->\n" + NET + GOOD, "doctype", "DOCTYPE"),
        (GOOD.encode("utf-16").replace(b"\x00", b"", 1), "not-xml", ""),
        (b"<?xml version='1.0' encoding='utf-7'?>" + GOOD.encode(), "bad-encoding", "编码"),
        (b"<?xml version='1.0' encoding='rot13'?>" + GOOD.encode(), "bad-encoding", "编码"),
        (b"<?xml version='1.0' encoding='x\xff'?>" + GOOD.encode(), "bad-encoding", "编码"),
        (GOOD.encode("gbk"), "bad-encoding", "utf-8"),
        ("<?xml version='1.0'?>" + GOOD.replace("接待", "\x00"), "not-xml", ""),
        (GOOD.replace(BODY, "<process id='p'>" + "<x>" * 200 + "</x>" * 200 + "</process>"), "too-deep", "嵌套太深"),
        (GOOD.replace(BODY, "<process id='p'>" + "<x/>" * 60_000 + "</process>"), "too-many-elements", "元素太多"),
        (" " * 6_000_000, "too-large", "太大"),
        (GOOD.replace(BODY, ""), "no-executable-process", "没有流程"),
        (GOOD.replace(' id="p"', ""), "missing-id", "编号"),
    ],
)
def test_it_is_refused_with_a_reason(data: bytes | str, code: str, word: str) -> None:
    found, reason, _line = only(data)
    assert found in (code, "bad-encoding" if code == "not-xml" else code) and word in reason


def test_the_line_of_broken_xml_is_told() -> None:
    assert only(GOOD.replace("<process", "\n\n<process").replace("</process>", "</wrong>"))[2] == 3


@pytest.mark.parametrize("kind", ["subProcess", "adHocSubProcess"])
def test_hundreds_of_sub_processes_inside_each_other_are_refused(kind: str) -> None:
    inner = "".join(f'<{kind} id="s{n}">' for n in range(60)) + f"</{kind}>" * 60
    codes = {problem.code for problem in check_bpmn(GOOD.replace(BODY, f"<process id='p'>{inner}</process>"))}
    assert "too-deep" in codes


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode("utf-16"),
        ("<?xml version='1.0' encoding='UTF-16'?>" + GOOD).encode("utf-16"),
        ("<?xml version='1.0' encoding='UTF-16'?>" + GOOD).encode("utf-16-le"),
        ("<?xml version='1.0' encoding='GBK'?>" + GOOD).encode("gbk"),
        ("<?xml version='1.0' encoding='gb2312' standalone='yes'?>\n" + GOOD).encode("gb2312"),
        ("<?xml version='1.0' encoding='gb18030'?>" + GOOD).encode("gb18030"),
        "<?xml version='1.0' encoding='GBK'?>" + GOOD,
        "\ufeff" + GOOD,
        "<!-- 说明 -->\n<?tool x?>" + GOOD,
        GOOD.replace("<", "<b:").replace("<b:/", "</b:").replace("xmlns=", "xmlns:b="),
    ],
)
def test_every_honest_spelling_of_the_same_file_reads_the_same(data: bytes | str) -> None:
    model = parse_bpmn(data)
    assert isinstance(model, Model) and model.main.nodes["t"].name == "接待"


def test_every_problem_is_told_not_only_the_first() -> None:
    body = BODY.replace("</process>", '<globalConversation id="c"/>\n<choreographyTask id="x"/></process>')
    with pytest.raises(DefinitionError) as refused:
        parse_bpmn(GOOD.replace(BODY, body), source="f.bpmn")
    assert [(problem.element, problem.element_id) for problem in refused.value.problems] == [
        ("globalConversation", "c"),
        ("choreographyTask", "x"),
    ]
    assert "choreographyTask x" in str(refused.value)


def test_ids_are_used_once() -> None:
    code, reason, _ = only(
        GOOD.replace("</process>", '<userTask id="t"/></process>').replace('targetRef="t"', 'targetRef="t"')
    )
    assert code == "duplicate-id" and "t" in reason
