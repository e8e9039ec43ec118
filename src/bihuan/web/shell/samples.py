"""What the style guide shows: every component with plausible content."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from bihuan.forms.drawing import DrawnForm, draw_form
from bihuan.forms.field import FormContext
from bihuan.forms.schema import load
from bihuan.kernel import clock

SAMPLE_FORM = Path(__file__).parent / "sample_form.json"
TOKENS = ("ground", "surface", "sunken", "line", "ink", "ink-2", "ink-3", "accent", "ok", "warn", "bad", "info")


def style_guide_context(*, refused: bool = True) -> dict[str, Any]:
    """Everything the style guide's template needs; times are relative to now. `refused`: the form shows messages."""
    now = clock.now()
    return {
        "late": now - timedelta(minutes=3, seconds=20),
        "soon": now + timedelta(minutes=8),
        "later": now + timedelta(hours=2, minutes=5),
        "days": now + timedelta(days=3, hours=2),
        "drawn": sample_form(refused=refused),
        "timeline": timeline(),
        "steps": [
            {"label": label, "state": state}
            for label, state in (
                ("接待", "done"),
                ("环车检查", "done"),
                ("预检", "done"),
                ("估价", "current"),
                ("维修", "next"),
                ("检验", "next"),
                ("结算", "next"),
                ("交车", "next"),
            )
        ],
        "late_steps": [
            {"label": "派工", "state": "done", "note": "马铁生"},
            {"label": "维修", "state": "late", "note": "超时 3 分"},
            {"label": "检验", "state": "next"},
        ],
        "work": work(),
        "tokens": TOKENS,
    }


def sample_form(*, refused: bool) -> DrawnForm:
    """A form with every kind of field, partly filled by the system; when refused, with two messages."""
    form = load(json.loads(SAMPLE_FORM.read_text("utf-8")))
    values = {
        "customer": 1,
        "phone": "13900001234",
        "wait": "wait",
        "requests": ["oil"],
        "at": clock.now() + timedelta(hours=3),
        "damage": [{"x": 0.42, "y": 0.88, "kind": "scratch", "note": "3 厘米", "region": "left_front_door"}],
        "lines": [
            {
                "id": 1,
                "raised_by": "customer",
                "description": "更换机油机滤",
                "job_id": 1,
                "job_label": "BY01 小保养",
                "part_id": 1,
                "part_label": "JY-5W30 机油",
                "part_note": "A-03-2，可用 18 桶",
                "quantity": "4",
                "part_price_yuan": "68.00",
                "labour_hours": "0.8",
                "labour_fee_yuan": "96.00",
            },
            {
                "id": 2,
                "raised_by": "technician",
                "description": "前制动片磨损",
                "job_label": "ZD02 更换前制动片",
                "part_label": "ZDP-F 前制动片",
                "quantity": "1",
                "part_price_yuan": "420.00",
                "labour_hours": "1.2",
                "labour_fee_yuan": "168.00",
            },
        ],
    }
    errors = {"mileage": "里程（公里）须为 0 到 2,000,000 的整数", "lines-1-quantity": "作业项目第 2 行：数量须为数"}
    return draw_form(
        form,
        values=values,
        labels={"customer": "周建国 先生"},
        errors=errors if refused else None,
        prefilled={"customer", "phone"},
        context=FormContext(),
    )


def timeline() -> list[dict[str, Any]]:
    """A short history of a case."""
    now = clock.now()
    rows = (
        (2, "沈晓岚 · 服务顾问", "等候客户同意估价", "已讲解 2 项，合计 ¥956.00", "clock", "info", "current"),
        (24, "陆大川 · 维修技师", "完成预检", "发现前制动片剩余 2 毫米", "tools", "none", "done"),
        (41, "沈晓岚 · 服务顾问", "客户签署环车检查", "左前门划痕 1 处", "signature", "ok", "done"),
        (44, "系统", "接待超时提醒", "停稳后 1 分 20 秒才迎接，时限 1 分", "alert-triangle", "bad", "done"),
        (46, "何静 · 前台值班员", "登记到店", "", "car", "none", "done"),
    )
    return [
        {
            "at": now - timedelta(minutes=minutes),
            "who": who,
            "what": what,
            "note": note,
            "icon": icon,
            "tone": tone,
            "state": state,
        }
        for minutes, who, what, note, icon, tone, state in rows
    ]


def work() -> list[dict[str, Any]]:
    """Rows of a work list."""
    now = clock.now()
    rows = (
        (-3, "迎接客户", "周建国 先生", "示A12345", "YL-JD-20261124-0007", "前台登记"),
        (8, "估价说明", "苏敏 女士", "示A8K210", "YL-JD-20261124-0004", "预检完成"),
        (125, "送客", "青禾物流", "示B66012", "YL-JD-20261124-0002", "收银完成"),
    )
    return [
        {
            "due": now + timedelta(minutes=minutes),
            "what": what,
            "whom": whom,
            "plate": plate,
            "number": number,
            "origin": origin,
        }
        for minutes, what, whom, plate, number, origin in rows
    ]
