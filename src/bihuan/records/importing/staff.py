"""Sheet 员工: accounts and posts of the importing site, through the organisation's own use cases."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from bihuan.accounts.models import User
from bihuan.kernel.errors import BusinessError
from bihuan.org.models import Position, PositionHolder, Role
from bihuan.org.people import change_person, hire_person
from bihuan.org.positions import assign_position, create_position
from bihuan.records.importing.cells import as_text, phone_text, text, words
from bihuan.records.importing.report import SheetReport
from bihuan.records.importing.sheet import Column, Row, Run, refuse
from bihuan.records.phones import clean_phone

MAX_STAFF = 2000


def _password(cell: Any) -> str:
    found = as_text(cell)
    if len(found) > 128:
        raise BusinessError("密码太长")
    return found


class StaffSheet:
    """New login names become accounts with their posts; known ones get name, phone and further posts.

    A post that the site lacks is made when it is called like a process role. Without an initial password the
    administrator sets one before the first sign-in.
    """

    name = "员工"
    key = "username"
    columns: tuple[Column, ...] = (
        Column("username", "登录名", lambda cell: str(text(64)(cell)).lower(), required=True, example="lixiao"),
        Column("name", "姓名", text(64), required=True, example="李晓"),
        Column("phone", "电话", lambda cell: clean_phone(phone_text(cell)), example="13900000011"),
        Column("positions", "岗位", words(400), required=True, example="服务顾问", hint="多个岗位用、隔开"),
        Column("password", "初始密码", _password, hint="至少 8 位；留空则由管理员设置"),
    )

    def apply(self, rows: list[Row], run: Run) -> SheetReport:
        """Hire or bring up to date one person after the other."""
        report = SheetReport(self.name, rows=len(rows))
        if rows:
            run.actor.require("admin.people", run.site.pk)
        if len(rows) > MAX_STAFF:
            run.report.add(self.name, f"一次最多导入 {MAX_STAFF} 名员工")
            return report
        for row in rows:
            try:
                with transaction.atomic():
                    done = self._take(row, run)
            except BusinessError as error:
                column = "positions" if error.field in ("roles", "position") else error.field or "username"
                refuse(self, run, row, error, column)
                continue
            setattr(report, done, getattr(report, done) + 1)
            run.advance(1, self.name)
        return report

    def _take(self, row: Row, run: Run) -> str:
        values = row.values
        positions = [_position(name, run) for name in values["positions"]]
        user = User.objects.filter(username__iexact=values["username"]).first()
        if user is None:
            hire_person(
                site_id=run.site.pk,
                username=values["username"],
                name=values["name"],
                phone=values.get("phone", ""),
                password=values.get("password"),
                position_ids=tuple(position.pk for position in positions),
                actor=run.actor,
            )
            return "created"
        if not user.is_active:
            raise BusinessError("这个账号已经停用，请先在人员管理里恢复", "username")
        held = set(PositionHolder.objects.filter(user=user, until__isnull=True).values_list("position_id", flat=True))
        missing = [position for position in positions if position.pk not in held]
        same = user.name == values["name"] and values.get("phone", user.phone) == user.phone
        if same and not missing:
            return "unchanged"
        if not same:
            change_person(user.pk, name=values["name"], phone=values.get("phone"), actor=run.actor)
        for position in missing:
            assign_position(user.pk, position_id=position.pk, actor=run.actor)
        return "updated"


def _position(name: str, run: Run) -> Position:
    """The site's post of that name; made from the process role of that name when there is none."""
    position = Position.objects.filter(site=run.site, name=name).first()
    if position is not None:
        return position
    role = Role.objects.filter(name=name).first()
    if role is None:
        known = sorted(
            {
                *Position.objects.filter(site=run.site).values_list("name", flat=True),
                *Role.objects.values_list("name", flat=True),
            }
        )
        raise BusinessError(f"本店没有岗位“{name}”，可用：{'、'.join(known[:20])}", "positions")
    return create_position(site_id=run.site.pk, name=name, roles=(role.key,), actor=run.actor)
