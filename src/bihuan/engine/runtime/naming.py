"""People as a model's expressions name them: by number or name to sign in, one or several."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bihuan.engine.runtime.run import Trouble


def named_people(value: Any) -> str | int | list[str | int] | None:
    """Whom a value names; None for nobody. Raises Trouble for what is no person."""
    if isinstance(value, list):
        found = [_person(one) for one in value]
        return [one for one in found if one is not None]
    return _person(value)


def _person(value: Any) -> str | int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool) and value == int(value):
        return int(value)
    raise Trouble("办理人表达式没有给出一个人")
