"""The readable table of hostile and clumsy inputs: what is tried and what it is told. One row, one line.

`python -m tests.hostile` writes docs/hostile-inputs.md; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.engine.definition.test_hostile import BODY, BOMB, FILE, GOOD, NET
from tests.hostile.bench import Answer, Bench, Send
from tests.records.test_files_and_sheets import giant_png
from tests.records.test_import_files import CORNERS, ENTITIES, PLAIN, SHEET, bomb, with_part
from tests.records.test_importing import CUSTOMER, book

DOCUMENT = Path(__file__).parents[2] / "docs/hostile-inputs.md"
RECEPTION = {
    "customer": "CUSTOMER", "vehicle": "VEHICLE", "phone": "13900007001", "has_appointment": "no",
    "requests-0-raised_by": "customer", "requests-0-description": "异响",
}  # fmt: skip
WALKAROUND = {"body_ok": "clean", "mileage_km": "31000", "fuel": "1/2"}
MILEAGE = "须为 0 到 2,000,000 的整数"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
DEEP = "<process id='p'>" + "<x>" * 200 + "</x>" * 200 + "</process>"
ENDLESS = GOOD.replace(
    BODY,
    """<process id="p"><startEvent id="s"/><exclusiveGateway id="a"/><exclusiveGateway id="b"/>
<sequenceFlow id="f" sourceRef="s" targetRef="a"/><sequenceFlow id="g" sourceRef="a" targetRef="b"/>
<sequenceFlow id="h" sourceRef="b" targetRef="a"/></process>""",
)
RECURSIVE = GOOD.replace("<userTask", '<callActivity calledElement="p"')
GREETED = {"greeting": ["guided", "greeted"]}


@dataclass(frozen=True)
class Row:
    """What is tried (`what`), how (`send`), what comes back (`message`, and the status where it goes over HTTP)."""

    area: str
    what: str
    message: str
    status: int
    send: Send


def form(what: str, node: str, values: Mapping[str, Any], message: str, **changed: Any) -> Row:
    """A task's form, complete but for what is `changed`."""
    given = {**values, **changed}
    return Row("表单", what, message, 422, lambda bench: bench.complete(node, given))


def photo(what: str, content: bytes, name: str, message: str) -> Row:
    """A photo for the walk-around whose bytes are not what its name says."""

    def send(bench: Bench) -> Answer:
        return bench.complete("walkaround", {**WALKAROUND, "photos": SimpleUploadedFile(name, content)})

    return Row("上传", what, message, 422, send)


def workbook(what: str, content: bytes, message: str, status: int = 200) -> Row:
    """A file handed in for import: refused at once, or by the page that says what came of it."""
    return Row("工作簿", what, message, status, lambda bench: bench.bring_in(content, "资料.xlsx"))


def model(what: str, xml: str | bytes, message: str) -> Row:
    return Row("流程图", what, message, 0, lambda bench: bench.publish(xml))


def request(what: str, method: str, address: str, who: str, message: str, status: int, **given: Any) -> Row:
    return Row("请求", what, message, status, lambda bench: bench.ask(method, address, who, **given))


def customers(*rows: list[Any]) -> bytes:
    return book({"客户": [CUSTOMER, ["赵先", "13900009101"], *rows]})


def body(inside: str) -> str:
    return GOOD.replace("</process>", inside + "</process>")


ROWS: tuple[Row, ...] = (
    form("必填的都空着", "reception", {}, "还有 5 处需要更正，已填的内容都保留着"),
    form("电话只有两位", "reception", RECEPTION, "须为 11 位手机号，或带区号的座机号", phone="12"),
    form("选项里没有的值", "reception", RECEPTION, "须从所列选项中选择", has_appointment="maybe"),
    form("不存在的客户编号", "reception", RECEPTION, "没有这位客户", customer="999999"),
    form("不存在的车辆编号", "reception", RECEPTION, "没有这辆车", vehicle="999999"),
    form("不存在的作业项目编号", "reception", RECEPTION, "没有找到作业项目“999999”", **{"requests-0-job": "999999"}),
    form("比任何编号都大的编号", "reception", RECEPTION, "没有找到客户“9999", customer="9" * 40),
    form("客户编号写成 SQL", "reception", RECEPTION, "请从列表中选择", customer="1 OR 1=1; DROP TABLE x"),
    form("十万字的说明", "reception", RECEPTION, "补充说明至多", note="长" * 100_000),
    form("里程写成文字", "walkaround", WALKAROUND, MILEAGE, mileage_km="三万"),
    form("里程是负数", "walkaround", WALKAROUND, MILEAGE, mileage_km="-5"),
    form("里程写成科学记数 1e999", "walkaround", WALKAROUND, MILEAGE, mileage_km="1e999"),
    form("签名栏里是脚本", "walkaround", WALKAROUND, "签名图像须为", signature="data:image/svg+xml,<svg/>"),
    form("该全部勾选的只勾了一项", "greet", {}, "须逐项勾选，还差", greeting=["guided"]),
    photo("HTML 改名成 PNG", b"<html><script>alert(1)</script></html>", "车头.png", "不是 JPEG、PNG 或 WebP 图片"),
    photo("带脚本的 SVG", SVG, "a.svg", "不是 JPEG、PNG 或 WebP 图片"),
    photo("可执行文件改名成 JPG", b"MZ" + b"\0" * 2000, "a.jpg", "不是 JPEG、PNG 或 WebP 图片"),
    photo("几百字节、自称 6 万×6 万像素的 PNG", giant_png(), "a.png", "不是 JPEG、PNG 或 WebP 图片，或文件已损坏"),
    photo("13 MB 的照片", b"\xff\xd8\xff" + b"0" * 13_000_000, "a.jpg", "超过 12 MB"),
    workbook("空文件", b"", "文件是空的"),
    workbook("旧版 .xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 512, "旧版 .xls"),
    workbook("超过 20 MB", b"a" * (20 * 1024 * 1024 + 1), "超过 20 MB", 422),
    workbook("压缩炸弹", bomb(), "解压后太大"),
    workbook("带宏", with_part(PLAIN, "xl/vbaProject.bin", b"x"), "带有宏"),
    workbook("里面藏着外部实体", with_part(PLAIN, SHEET, ENTITIES), "文件损坏"),
    workbook("单元格撒到最远的角落", with_part(PLAIN, SHEET, CORNERS), "最多 50000 行"),
    workbook("公式", customers(["=HYPERLINK(\"http://x\")", "13900009102"]), "单元格是公式"),
    workbook("同一个电话两行", customers(["钱多", "13900009101"]), "与第 2 行重复"),
    workbook("数字列里是文字", book({"配件": [["配件编码", "配件名称", "单价"], ["P-9", "垫片", "很贵"]]}), "应是数字"),
    workbook("看不懂的表头", book({"客户": [["姓名", "电话", "密码"], ["赵先", "13900009101", "x"]]}), "密码"),
    workbook("第 3 行才有错，前面的行都对", customers(["钱多", "12"]), "电话号码“12”不对"),
    model("不是 XML", "hello", "不是格式正确的 XML"),
    model("写了一半的文件", GOOD[:-20], "不是格式正确的 XML"),
    model("实体炸弹", BOMB + GOOD.replace("接待", "&c;"), "DOCTYPE"),
    model("外部实体读本机文件", FILE + GOOD.replace("接待", "&f;"), "DOCTYPE"),
    model("外部 DTD", NET + GOOD, "DOCTYPE"),
    model("六万个元素", GOOD.replace(BODY, "<process id='p'>" + "<x/>" * 60_000 + "</process>"), "元素太多"),
    model("嵌套两百层", GOOD.replace(BODY, DEEP), "嵌套太深"),
    model("不支持的元素", body('<choreographyTask id="c"/>'), "暂不支持编排"),
    model("不认识的元素", body('<wizardTask id="w"/>'), "BPMN 2.0 的流程里没有这个元素"),
    model("连线指向没有的节点", body('<sequenceFlow id="z" sourceRef="t" targetRef="nowhere"/>'), "流线的终点"),
    model("没说要调用谁的调用活动", body('<callActivity id="c" calledElement=""/>'), "没有说调用哪个流程"),
    Row("流程图", "没有出口的循环", "可能是没有出口的循环", 0, lambda bench: bench.rehearse(ENDLESS)),
    Row("流程图", "自己调用自己的流程", "调用的流程太多", 0, lambda bench: bench.rehearse(RECURSIVE)),
    request("没登录就打开单据", "get", "/cases/{case}", "", "/sign-in", 302),
    request("用 GET 提交作废", "get", "/cases/{case}/cancel", "site_manager", "", 405),
    request("没有防伪令牌的提交", "post", "/tasks/{greet}", "advisor", "页面已过期", 403, csrf=True, data=GREETED),
    request("别的门店的单据", "get", "/cases/{elsewhere}", "advisor", "不属于您的门店", 404),
    request("替别的门店办事", "post", "/tasks/{other_item}", "advisor", "不属于您的门店", 404, data=GREETED),
    request("收银员替服务顾问办事", "post", "/tasks/{greet}", "cashier", "这项工作由服务顾问", 403, data=GREETED),
    request("配件员导入资料", "post", "/import", "parts_clerk", "没有“导入工作簿”的权限", 403, data={"mode": "store"}),
    request("伪造的客户进度码", "get", "/progress/1:abc:def", "", "这个二维码已经失效", 404),
    request("伪造的出门证", "post", "/guard/release", "guard", "没有这张出门证", 422,
            data={"pass": "X' OR ''='", "settlement": "1"}),
    request("用路径绕出目录", "get", "/static/../../../../etc/passwd", "advisor", "找不到这个页面", 404),
    request("编码过的路径绕出目录", "get", "/attachments/..%2f..%2fetc%2fpasswd", "advisor", "找不到这个页面", 404),
    request("十万字的查询", "get", "/search", "advisor", "没有", 200, data={"q": "示" * 100_000}),
    request("搜索框里写脚本", "get", "/search", "advisor", "没有", 200, data={"q": "<script>alert(1)</script>"}),
    request("查询里全是乱码", "get", "/cases", "site_manager", "业务单据", 200,
            data={"page": "-1", "order": "'; --", "from": "9999-99-99", "advisor": "٣²"}),
    request("转办原因里有空字符", "post", "/tasks/{greet}/act/transfer", "advisor", "看不见的控制字符", 422,
            data={"to": "1", "reason": "请\0办"}),
    request("六千个字段", "post", "/tasks/{greet}", "advisor", "请求无法识别", 400,
            data={f"f{number}": "1" for number in range(6000)}),
    request("入库负数", "post", "/parts/receive", "parts_clerk", "数量应在 0 到 1,000,000 之间", 422,
            data={"code": "P-1001", "quantity": "-3"}),
)  # fmt: skip


def rendered() -> str:
    """The table as a document."""
    lines = [
        "# 恶意和笨拙的输入 / Hostile and clumsy inputs",
        "",
        "每一行都由 `tests/hostile` 真的试一遍：回答里必须有这句话，"
        "而且试过之后所有数据表一字不差（会话和交表记录除外）。",
        "状态是 HTTP 状态码，`—` 是发布流程图，不经网页。",
        "",
        "Every row is tried by `tests/hostile`: the answer holds the message, and "
        "no table (but sessions and what was handed in) has changed.",
        "This file is written by `python -m tests.hostile`; 状态 is the HTTP status.",
        "",
        "| 类别 | 试什么 | 回答里有 | 状态 |",
        "| --- | --- | --- | --- |",
    ]
    for row in ROWS:
        lines.append(f"| {row.area} | {row.what} | {row.message or '（没有内容）'} | {row.status or '—'} |")
    return "\n".join(lines) + "\n"
