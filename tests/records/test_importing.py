from __future__ import annotations

import io
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bihuan.accounts.models import User
from bihuan.audit.models import Entry
from bihuan.cli.main import main
from bihuan.kernel.errors import NotAllowed
from bihuan.org.models import PositionHolder
from bihuan.records.consents import consents_of, set_consent
from bihuan.records.importing.report import ImportReport
from bihuan.records.importing.run import import_workbook
from bihuan.records.importing.template import template_workbook
from bihuan.records.models import Customer, JobType, Part, Stock, StockMove, Vehicle
from tests.records.conftest import Shop

Sheets = dict[str, list[list[Any]]]
GOOD: Sheets = {
    "客户": [
        ["姓名", "电话", "类别", "称谓", "地址", "备注"],
        ["李娜", "139 0000 2001", "个人", "女士", "春江路 8 号", ""],
        ["江云物流有限公司", 87163120000.0, "单位", None, None, "月结"],
    ],
    "车辆": [
        ["车牌", "车主电话", "品牌", "车型", "车架号", "里程", "购车日期", "下次保养日期"],
        ["示a·20001", 13900002001, "远山", "S1", "LYS1A2B45NC000001", 12000, datetime(2024, 5, 1), "2026年12月1日"],
    ],
    "配件": [
        ["配件编码", "配件名称", "单位", "单价", "库存", "货位"],
        ["p-101", "空气滤清器", "个", 45.5, 12, "B-03"],
        ["P-102", "火花塞", "支", "¥38.00", "0.30000000000000004", "B-04"],
    ],
    "作业项目": [
        ["项目编码", "项目名称", "标准工时", "工时单价", "保养项目"],
        ["BY02", "更换空气滤清器", 0.3, 120, "是"],
    ],
    "员工": [["登录名", "姓名", "电话", "岗位"], ["gaoyuan", "高远", "13900003001", "服务顾问、前台值班员"]],
}


def book(sheets: Sheets, *, merge: tuple[str, str] | None = None) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if merge and merge[0] == name:
            sheet.merge_cells(merge[1])
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def run(shop: Shop, content: bytes, name: str = "资料.xlsx", **values: Any) -> ImportReport:
    return import_workbook(content, name, actor=shop.cast.system, site_id=shop.site_id, **values)


def counts(report: ImportReport) -> dict[str, tuple[int, int, int]]:
    return {sheet.sheet: (sheet.created, sheet.updated, sheet.unchanged) for sheet in report.sheets}


def stored() -> tuple[int, ...]:
    return tuple(
        model._default_manager.count() for model in (Customer, Vehicle, Part, Stock, StockMove, JobType, User, Entry)
    )


def test_a_real_centres_workbook_comes_in_whole(shop: Shop) -> None:
    report = run(shop, book(GOOD))
    assert [problem.in_words() for problem in report.problems] == []
    assert counts(report) == {
        "客户": (2, 0, 0),
        "车辆": (1, 0, 0),
        "配件": (2, 0, 0),
        "作业项目": (1, 0, 0),
        "员工": (1, 0, 0),
    }
    customer = Customer.objects.get(phone="13900002001")
    assert (customer.name, customer.salutation, customer.initials) == ("李娜", "女士", "ln")
    assert Customer.objects.get(phone="087163120000").kind == "company"
    vehicle = Vehicle.objects.get(plate_key="示A20001")
    assert (vehicle.customer, vehicle.bought_on, vehicle.next_service_on) == (
        customer,
        date(2024, 5, 1),
        date(2026, 12, 1),
    )
    spark = Stock.objects.at(shop.site_id).get(part__code="P-102")
    assert (spark.on_hand, spark.shelf, spark.part.price_yuan) == (Decimal("0.30"), "B-04", 38)
    assert StockMove.unscoped.get(stock=spark).kind == "receive"
    assert JobType.objects.at(shop.site_id).get(code="BY02").labour_fee_yuan == Decimal("36.00")
    hired = User.objects.get(username="gaoyuan")
    posts = PositionHolder.objects.filter(user=hired).values_list("position__name", flat=True)
    assert set(posts) == {"服务顾问", "前台值班员"}


def test_the_same_workbook_again_changes_nothing_and_a_changed_one_updates(shop: Shop) -> None:
    run(shop, book(GOOD))
    before = stored()
    again = run(shop, book(GOOD))
    assert set(counts(again).values()) == {(0, 0, 2), (0, 0, 1)}
    assert stored() == (*before[:-1], before[-1] + 1), "only the note of the import itself"
    changed = {**GOOD, "配件": [GOOD["配件"][0], ["P-101", "空气滤清器", "个", 49, 10, "B-03"]]}
    changed["客户"] = [["姓名", "电话", "地址"], ["李娜娜", "13900002001", None]]
    report = run(shop, book(changed))
    assert counts(report)["配件"] == (0, 1, 0)
    assert counts(report)["客户"] == (0, 1, 0)
    customer = Customer.objects.get(phone="13900002001")
    assert (customer.name, customer.pinyin, customer.address) == ("李娜娜", "linana", "春江路 8 号")
    stock = Stock.objects.at(shop.site_id).get(part__code="P-101")
    assert (stock.on_hand, stock.part.price_yuan) == (10, 49)
    assert StockMove.unscoped.filter(stock=stock).order_by("-pk")[0].quantity == -2


def test_a_dry_run_tells_all_and_stores_nothing(shop: Shop) -> None:
    before = stored()
    report = run(shop, book(GOOD), dry_run=True)
    assert report.ok
    assert not report.stored
    assert counts(report)["客户"] == (2, 0, 0)
    assert stored() == before


def test_the_template_imports_as_it_is(shop: Shop) -> None:
    report = run(shop, template_workbook())
    assert [problem.in_words() for problem in report.problems] == []
    assert {sheet.sheet: sheet.rows for sheet in report.sheets} == dict.fromkeys(GOOD, 1)


def test_one_bad_row_keeps_the_whole_workbook_out(shop: Shop) -> None:
    sheets = {**GOOD, "作业项目": [*GOOD["作业项目"], ["BY03", "清洗节气门", "一小时", 120, "是"]]}
    before = stored()
    report = run(shop, book(sheets))
    [problem] = report.problems
    assert problem.in_words() == "作业项目 第 3 行 标准工时“一小时”：应是数字"
    assert stored() == before
    assert not report.stored


CUSTOMER = ["姓名", "电话"]
PLATE = ["车牌", "车主电话"]
PART = ["配件编码", "配件名称", "单价", "库存"]
JOB = ["项目编码", "项目名称", "标准工时", "工时单价"]
STAFF = ["登录名", "姓名", "岗位"]
OWNER = "13900001234"
CLUMSY: list[tuple[str, list[Any], list[Any], str, str]] = [
    ("客户", CUSTOMER, ["=cmd|' /C calc'!A0", "13900009001"], "姓名", "单元格是公式"),
    ("客户", CUSTOMER, ["+SUM(1)", "13900009001"], "姓名", "像是公式"),
    ("客户", CUSTOMER, ["@SUM(1)", "13900009001"], "姓名", "像是公式"),
    ("客户", CUSTOMER, ["-2+3", "13900009001"], "姓名", "像是公式"),
    ("客户", CUSTOMER, ["张" * 81, "13900009001"], "姓名", "最多 80 个字"),
    ("客户", CUSTOMER, [None, "13900009001"], "姓名", "不能为空"),
    ("客户", CUSTOMER, ["   ", "13900009001"], "姓名", "不能为空"),
    ("客户", CUSTOMER, ["张三", None], "电话", "不能为空"),
    ("客户", CUSTOMER, ["张三", "1390000"], "电话", "不对"),
    ("客户", CUSTOMER, ["张三", "没有电话"], "电话", "不是电话号码"),
    ("客户", CUSTOMER, ["张三", True], "电话", "不是电话号码"),
    ("客户", CUSTOMER, ["张三", 1.39e30], "电话", "电话"),
    ("客户", CUSTOMER, ["张三", "=1+1"], "电话", "单元格是公式"),
    ("客户", [*CUSTOMER, "称谓"], ["张三", "13900009001", "大侠"], "称谓", "先生 或 女士"),
    ("客户", [*CUSTOMER, "类别"], ["张三", "13900009001", 3], "类别", "个人 或 单位"),
    ("车辆", PLATE, ["12345", OWNER], "车牌", "不像车牌"),
    ("车辆", PLATE, ["示A'; DROP TABLE x", OWNER], "车牌", "不像车牌"),
    ("车辆", PLATE, ["示A77777", "13900009999"], "车主电话", "没有这个电话的客户"),
    ("车辆", [*PLATE, "车架号"], ["示A77777", OWNER, "SHORT"], "车架号", "17 位"),
    ("车辆", [*PLATE, "车架号"], ["示A77777", OWNER, "LYS1A2B45NC00000O"], "车架号", "不含 I、O、Q"),
    ("车辆", [*PLATE, "里程"], ["示A77777", OWNER, "三万"], "里程", "应是数字"),
    ("车辆", [*PLATE, "里程"], ["示A77777", OWNER, -5], "里程", "应在 0 到"),
    ("车辆", [*PLATE, "里程"], ["示A77777", OWNER, 10**9], "里程", "应在 0 到"),
    ("车辆", [*PLATE, "里程"], ["示A77777", OWNER, 100.5], "里程", "应是整数"),
    ("车辆", [*PLATE, "里程"], ["示A77777", OWNER, date(2026, 1, 1)], "里程", "应是数字"),
    ("车辆", [*PLATE, "购车日期"], ["示A77777", OWNER, "2026-02-30"], "购车日期", "没有这一天"),
    ("车辆", [*PLATE, "购车日期"], ["示A77777", OWNER, "昨天"], "购车日期", "应是日期"),
    ("车辆", [*PLATE, "购车日期"], ["示A77777", OWNER, 45000], "购车日期", "应是日期"),
    ("车辆", [*PLATE, "购车日期"], ["示A77777", OWNER, "1900-01-01"], "购车日期", "1980 年到 2100 年"),
    ("配件", PART, ["P-9", "雨刮", "免费", 1], "单价", "应是数字"),
    ("配件", PART, ["P-9", "雨刮", -1, 1], "单价", "应在 0 到"),
    ("配件", PART, ["P-9", "雨刮", 12.345, 1], "单价", "最多 2 位小数"),
    ("配件", PART, ["P-9", "雨刮", None, 1], "单价", "不能为空"),
    ("配件", PART, ["P-9", "雨刮", 12, -1], "库存", "应在 0 到"),
    ("配件", PART, ["P-9", "雨刮", 12, "NaN"], "库存", "应在 0 到"),
    ("配件", PART, ["P-9", "雨刮", 12, 1e12], "库存", "应在 0 到"),
    ("作业项目", JOB, ["J1", "检查", 1000, 100], "标准工时", "应在 0 到"),
    ("作业项目", [*JOB, "保养项目"], ["J1", "检查", 1, 100, "也许"], "保养项目", "是 或 否"),
    ("员工", STAFF, ["小王", "王小", "服务顾问"], "登录名", "登录名由字母"),
    ("员工", STAFF, ["wx", "王小", "首席摸鱼官"], "岗位", "本店没有岗位"),
    ("员工", [*STAFF, "电话"], ["wx", "王小", "服务顾问", "12"], "电话", "不对"),
    ("员工", STAFF, ["zhuqing", "朱青", "服务顾问"], "登录名", "已经停用"),
]


@pytest.mark.parametrize(
    ("sheet", "headings", "row", "column", "message"), CLUMSY, ids=[f"{c[0]}-{c[3]}-{i}" for i, c in enumerate(CLUMSY)]
)
def test_each_clumsy_cell_is_named_with_what_is_wrong_and_nothing_is_stored(
    shop: Shop, sheet: str, headings: list[Any], row: list[Any], column: str, message: str
) -> None:
    before = stored()
    report = run(shop, book({sheet: [headings, row]}))
    assert not report.ok
    problem = report.problems[0]
    assert (problem.sheet, problem.row, problem.column) == (sheet, 2, column)
    assert message in problem.message
    assert stored() == before


def test_the_same_key_twice_in_one_file_is_refused_whatever_its_spelling(shop: Shop) -> None:
    report = run(shop, book({"客户": [CUSTOMER, ["张三", "139-0000-9001"], ["李四", 13900009001]]}))
    assert [problem.in_words() for problem in report.problems] == ["客户 第 3 行 电话“13900009001”：与第 2 行重复"]
    twice = [["车牌", "车主电话", "车架号"]] + [[f"示A7777{n}", OWNER, "LYS1A2B45NC000009"] for n in (1, 2)]
    [problem] = run(shop, book({"车辆": twice})).problems
    assert problem.message == "与第 2 行的车架号重复"


def test_a_vin_of_another_car_and_stock_below_what_is_promised_are_refused(shop: Shop) -> None:
    Vehicle.objects.filter(pk=shop.vehicle.pk).update(vin="LYS1A2B45NC000009")
    rows = [["车牌", "车主电话", "车架号"], ["示A77777", OWNER, "LYS1A2B45NC000009"]]
    assert run(shop, book({"车辆": rows})).problems[0].message == "这个车架号已登记在 示A12345"
    Stock.objects.at(shop.site_id).filter(part=shop.pads).update(reserved=2)
    [problem] = run(shop, book({"配件": [PART, ["P-002", "前制动片", 268, 1]]})).problems
    assert (problem.column, "预留给工单" in problem.message) == ("库存", True)


def test_a_vehicle_does_not_complain_about_an_owner_whose_own_row_is_at_fault(shop: Shop) -> None:
    customers = [[*CUSTOMER, "称谓"], ["张三", "13900009001", "大侠"]]
    report = run(shop, book({"客户": customers, "车辆": [PLATE, ["示A77777", "13900009001"]]}))
    assert [problem.sheet for problem in report.problems] == ["客户"]


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        ({"客户": [["姓名", "手机"], ["张三", "13900009001"]]}, "缺少这一列"),
        ({"客户": [["姓名", "电话", "生日"], ["张三", "13900009001", "1月1日"]]}, "不认识这一列"),
        ({"客户": [["姓名", "电话", "电话"], ["张三", "13900009001", ""]]}, "出现了两次"),
        ({"客户": [["张三", "13900009001"]]}, "找不到表头"),
        ({"客户": [["姓名", "电话"], ["张三", "13900009001", "多出来的"]]}, "没有表头"),
        ({"Sheet1": [["甲", "乙"], [1, 2]]}, "不认识这张表"),
        ({"客户": [], "Sheet2": []}, "没有可导入的内容"),
    ],
)
def test_headings_that_cannot_be_trusted_are_refused(shop: Shop, sheets: Sheets, message: str) -> None:
    before = stored()
    report = run(shop, book(sheets))
    assert any(message in problem.message for problem in report.problems)
    assert stored() == before


def test_a_title_above_the_headings_is_fine_and_merged_cells_below_are_not(shop: Shop) -> None:
    rows: list[list[Any]] = [["云岭汽车客户资料"], [], ["姓名 *", "电话*"], ["张三", "13900009001"]]
    assert run(shop, book({"客户": rows}, merge=("客户", "A1:B1")), dry_run=True).ok
    report = run(shop, book({"客户": rows}, merge=("客户", "A4:A5")))
    assert "合并单元格" in report.problems[0].message


def test_a_sheet_called_otherwise_is_known_by_its_headings(shop: Shop) -> None:
    assert counts(run(shop, book({"Sheet1": GOOD["客户"]})))["客户"] == (2, 0, 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_comes_in_whatever_excel_made_of_it(shop: Shop, encoding: str, delimiter: str) -> None:
    text = "\r\n".join(delimiter.join(row) for row in [["姓名", "电话"], ["龚喆", "13900009001"], ["", ""]])
    report = run(shop, text.encode(encoding), "老客户.csv")
    assert counts(report) == {"客户": (1, 0, 0)}
    assert Customer.objects.get(phone="13900009001").name == "龚喆"


def test_a_formula_without_a_kept_result_and_an_error_value_are_not_taken_for_blank(shop: Shop) -> None:
    rows = [["姓名", "电话", "备注"], ["张三", "13900009001", "=1/0"], ["李四", "13900009002", "#N/A"]]
    report = run(shop, book({"客户": rows}))
    assert [(p.row, p.column, p.message[:5]) for p in report.problems] == [
        (2, "备注", "单元格是公"),
        (3, "备注", "单元格是错"),
    ]


def test_many_problems_are_counted_and_the_first_500_listed(shop: Shop) -> None:
    report = run(shop, book({"客户": [CUSTOMER, *([f"客户{n}", "1"] for n in range(600))]}))
    assert (report.problem_count, len(report.problems)) == (600, 500)


def test_progress_is_told_up_to_the_last_row(shop: Shop) -> None:
    seen: list[tuple[int, int, str]] = []
    rows = [CUSTOMER, *([f"客户{n}", f"1390001{n:04d}"] for n in range(1200))]
    report = run(shop, book({"客户": rows}), progress=lambda done, total, label: seen.append((done, total, label)))
    assert report.stored
    assert seen == [(500, 1200, "客户"), (1000, 1200, "客户"), (1200, 1200, "客户")]


def test_a_thousand_rows_take_few_queries(shop: Shop, django_assert_max_num_queries: Any) -> None:
    rows = [CUSTOMER, *([f"客户{n}", f"1390001{n:04d}"] for n in range(1000))]
    content = book({"客户": rows})
    with django_assert_max_num_queries(40):
        assert run(shop, content).stored


def test_importing_needs_the_right_and_staff_need_the_right_over_people(shop: Shop) -> None:
    content = book({"员工": GOOD["员工"]})
    with pytest.raises(NotAllowed):
        import_workbook(content, "x.xlsx", actor=shop.actor("advisor"))
    report_or_refusal = import_workbook(content, "x.xlsx", actor=shop.actor("site_manager"))
    assert not report_or_refusal.ok
    assert "权限" in report_or_refusal.problems[0].message
    assert import_workbook(content, "x.xlsx", actor=shop.actor("admin")).stored
    other = import_workbook(book({"作业项目": GOOD["作业项目"]}), "x.xlsx", actor=shop.cast.actor("other_admin"))
    assert other.stored
    assert not JobType.objects.at(shop.site_id).filter(code="BY02").exists(), "it went to the importer's own site"


def test_the_command_reports_in_words_and_in_json_and_answers_by_its_exit_code(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "好.xlsx", tmp_path / "坏.csv"
    good.write_bytes(book(GOOD))
    bad.write_text("姓名,电话\n张三,12\n", encoding="utf-8")
    assert main(["import", str(good), "--dry-run", "--site", "YL"]) == 0
    assert "试导入没有问题" in capsys.readouterr().out
    assert main(["import", str(bad), "--site", "YL", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["stored"], answer["problem_count"]) == (False, False, 1)
    assert answer["problems"][0]["row"] == 2
    assert answer["problems"][0]["column"] == "电话"
    assert main(["import", str(good), "--site", "YL", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sheets"][0]["created"] == 2
    assert main(["import", str(tmp_path / "没有.xlsx"), "--site", "YL"]) == 2
    assert main(["import", str(good)]) == 2
    assert "请用 --site 指定：" in capsys.readouterr().err
    out = tmp_path / "模板.xlsx"
    assert main(["import", "--template", str(out)]) == 0
    assert out.read_bytes().startswith(b"PK")


def test_mail_and_consent_come_in_and_an_old_workbook_turns_no_no_into_a_yes(shop: Shop) -> None:
    def customers(*rows: list[Any]) -> ImportReport:
        return run(shop, book({"客户": [["姓名", "电话", "邮箱", "接收短信", "接收邮件"], *rows]}))

    lina = ["李娜", "13900002001", "lina@example.com", "同意", "不接收"]
    assert counts(customers(lina, ["何刚", "13900002002", None, None, None])) == {"客户": (2, 0, 0)}
    assert counts(customers(lina)) == {"客户": (0, 0, 1)}
    customer = Customer.objects.get(phone="13900002001")
    said = {medium: one.is_given for medium, one in consents_of(customer.pk).items()}
    assert (customer.mail, said) == ("lina@example.com", {"sms": True, "mail": False})
    assert Entry.objects.filter(action="import.customers").latest("pk").data["rows"][0]["consents"] == {
        "sms": True, "mail": False,
    }  # fmt: skip
    set_consent(customer.pk, "sms", given=False, actor=shop.actor("advisor"))
    refused = customers(lina, ["何刚", "13900002002", None, None, "同意"], ["何芳", "13900002003", "x", "可以", None])
    assert [(one.row, one.column, one.message.partition("，")[0]) for one in refused.problems] == [
        (4, "接收短信", "只能填 同意 或 不接收"), (2, "接收短信", "客户说过不接收"), (3, "邮箱", "同意接收邮件的"),
    ]  # fmt: skip
    assert not consents_of(customer.pk)["sms"].is_given
