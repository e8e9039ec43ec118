"""Checking a pack: each kind of mistake is named with its file and place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bihuan.packs.checking import check_pack
from bihuan.packs.loading import PackError, load_pack, pack_folder

AUTO = pack_folder("auto_service")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the pack that a test may spoil."""
    folder = tmp_path / "auto_service"
    shutil.copytree(AUTO, folder)
    return folder


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.covers("AUTO-32", "AUTO-33")
def test_the_shipped_pack_has_no_problem() -> None:
    assert check_pack(AUTO) == []


VISIT = "processes/service_visit.bpmn"


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "reason"),
    [
        (VISIT, 'bihuan:form="greet"', 'bihuan:form="gret"', "迎接问候", "没有表单“gret”"),
        (VISIT, 'bihuan:limit="greet"', 'bihuan:limit="soon"', "迎接问候", "没有时限“soon”"),
        (VISIT, 'bihuan:limit="greet"', 'bihuan:limt="greet"', "greet", "是不是 bihuan:limit？"),
        (VISIT, 'bihuan:script="greet"', 'bihuan:script="hi"', "迎接问候", "没有话术“hi”"),
        (VISIT, 'bihuan:effects="assign_advisor"', 'bihuan:effects="make_tea"', "迎接问候", "没有动作“make_tea”"),
        (VISIT, 'bihuan:limit="greet"', 'bihuan:limit="greet" bihuan:allow="fly"', "greet", "没有“fly”"),
        (VISIT, 'bihuan:service="close_case"', 'bihuan:service="open_door"', "结案", "没有动作“open_door”"),
        (VISIT, 'bihuan:knowledge="diagnosis_principles"', 'bihuan:knowledge="x"', "故障确诊", "没有知识“x”"),
        (VISIT, 'bihuan:prints="gate_pass"', 'bihuan:prints="poster"', "开出门证", "没有打印单“poster”"),
        (VISIT, 'bihuan:decision="next_service"', 'bihuan:decision="luck"', "推算下次保养", "没有决策“luck”"),
        ("decisions/maintenance.dmn", "ceiling(", "ceiling((", "next_km_text", "读不懂"),
        (VISIT, 'bihuan:role="guard"', 'bihuan:role="porter"', "收钥匙签收", "没有角色“porter”"),
        ("forms/dispatch.json", "case.agreed_hours", "case.wishes", "agreed_hours", "没有对应的栏目"),
        ("forms/dispatch.json", "case.agreed_hours", "case.status", "agreed_hours", "没有对应的栏目"),
        ("forms/dispatch.json", '"role": "technician"', '"role": "wizard"', "technician", "没有角色“wizard”"),
        ("forms/dispatch.json", '"type": "number"', '"type": "slider"', "agreed_hours", "slider"),
        ("forms/greet.json", '"id": "greet"', '"id": "grüezi"', "", "应与文件名相同"),
        ("scripts/greet.md", "{本人}", "{我}", "", "没有占位词 {我}"),
        ("limits.toml", 'target = "1m"', 'target = "soon"', "", "target"),
        ("limits.toml", 'target = "1m"', "target = 1m", "", "行第 11 列，这一行后面多了东西"),
        ("limits.toml", 'escalate_to = "front_desk"', 'escalate_to = "nobody"', "call_answer", "没有角色“nobody”"),
        ("roles.toml", '"case.view"', '"case.eat"', "customer_care", "没有操作“case.eat”"),
        ("notices/part_short.toml", "{配件}", "{零件}", "", "没有占位词 {零件}"),
        ("notices/part_short.toml", "[sms]", "[pigeon]", "", "没有渠道“pigeon”"),
        ("notices/part_short.toml", "title =", "subject =", "", "没有栏目“subject”"),
        ("notices/part_short.toml", "title =", 'ahead = "3h"\ntitle =', "", "没有提前量"),
        ("notices/appointment_reminder.toml", "1d 10:00", "前一天 10:00", "", "ahead 须写成"),
        ("notices/appointment_reminder.toml", '"1d 10:00"', "3", "", "ahead 须写成"),
        ("pack.toml", 'key = "complaint"', 'key = "compliment"', "", "没有文件"),
    ],
)
def test_a_mistake_is_named_with_file_place_and_reason(
    copy: Path, file: str, old: str, new: str, place: str, reason: str
) -> None:
    replace(copy / file, old, new)
    found = [problem for problem in check_pack(copy) if reason in problem.reason]
    assert found, [str(problem) for problem in check_pack(copy)]
    assert found[0].file == file
    assert place in found[0].place


def test_a_wrong_condition_is_named_with_its_line(copy: Path) -> None:
    replace(copy / VISIT, "waiting_cars &gt; 1", "waiting_cars &gt;")
    found = [problem for problem in check_pack(copy) if problem.file == VISIT]
    assert found and found[0].line > 1


def test_a_mistake_in_the_limits_is_named_with_the_line_of_its_limit(copy: Path) -> None:
    file = copy / "limits.toml"
    whole = file.read_text(encoding="utf-8")
    at = whole.count("\n") + 1
    limit = '[[limit]]\nkey = "answer"\nname = "答复"\ntarget = "2d"\nof = "case"\nprocess = "complaint"\n'
    limit += 'start = "started"\n'
    file.write_text(f'{whole}{limit}stop = "completed:答复"\n', encoding="utf-8")
    assert [str(problem) for problem in check_pack(copy)] == [f"limits.toml:{at + 1}: answer：没有环节“答复”"]
    file.write_text(
        f"{whole}{limit}warn = 75\n[[calendar]]\nkey = 'night'\nname = '夜'\nweek = {{}}\n", encoding="utf-8"
    )
    assert [str(problem).partition("：")[0] for problem in check_pack(copy)] == [
        f"limits.toml:{at + 8}: 日历 night（第 1 个）",
        f"limits.toml:{at + 1}: 时限 answer",
    ]


def test_a_form_or_script_that_no_process_uses_is_named(copy: Path) -> None:
    (copy / "scripts" / "song.md").write_text("啦啦啦", encoding="utf-8")
    assert [str(problem) for problem in check_pack(copy)] == ["scripts/song.md: 没有任何流程用到"]


def test_files_that_cannot_be_read_are_named_together(copy: Path) -> None:
    (copy / "forms" / "greet.json").write_text("{", encoding="utf-8")
    (copy / "roles.toml").write_text("[[", encoding="utf-8")
    (copy / "scripts" / "greet.md").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(PackError) as refused:
        load_pack(copy)
    assert {problem.file for problem in refused.value.problems} >= {
        "forms/greet.json",
        "roles.toml",
        "scripts/greet.md",
    }


def test_a_folder_that_is_no_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"pack\.toml"):
        pack_folder(str(tmp_path))
