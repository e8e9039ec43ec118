"""The installed rule book as operations read it: its time limits and the wording of its notices."""

from __future__ import annotations

import time
from functools import lru_cache

from bihuan.forms.models import TextVersion
from bihuan.kernel.errors import BusinessError
from bihuan.limits.definition import CASE, LimitDefinition
from bihuan.limits.rulebook import parse_limits

NOTICE = "notice/"
"""What the keys of notice templates begin with."""

# How long another process may take to notice that a rule book has its first limits between milestones of a case.
NOTICE_SECONDS = 30.0

_last_look: tuple[float, bool] | None = None


def limit_definitions() -> dict[str, LimitDefinition]:
    """Every limit in force by key, from the newest table of each installed pack; one query."""
    newest: dict[str, tuple[int, str]] = {}
    rows = TextVersion.objects.filter(key__startswith="limits/").order_by("number").values_list("key", "pk", "sha256")
    for key, pk, sha256 in rows:
        newest[key] = (pk, sha256)
    found: dict[str, LimitDefinition] = {}
    for pk, sha256 in newest.values():
        found.update(_parsed(pk, sha256))
    return found


def limit_definition(key: str) -> LimitDefinition:
    """One limit in force. Raises BusinessError when the rule book does not define it."""
    found = limit_definitions().get(key)
    if found is None:
        raise BusinessError(f"规则书里没有时限“{key}”，请联系流程负责人")
    return found


def notice_wording(key: str) -> tuple[str, str] | None:
    """Digest and text of the notice template in force under a key, None when no rule book words it; one query."""
    rows = TextVersion.objects.filter(key=f"{NOTICE}{key}").order_by("-number")
    return rows.values_list("sha256", "body").first()


def has_case_limits() -> bool:
    """Whether any limit in force runs between milestones of a case.

    Asked at every step, so it is looked up twice a minute only: most rule books have none, and their steps must not
    pay for a question.
    """
    global _last_look
    now = time.monotonic()
    if _last_look is None or now - _last_look[0] > NOTICE_SECONDS:
        _last_look = now, any(limit.of == CASE for limit in limit_definitions().values())
    return _last_look[1]


def forget_case_limits() -> None:
    """Look again at the next step: something was published here, or undone (scenarios and tests roll back)."""
    global _last_look
    _last_look = None


@lru_cache(maxsize=64)
def _parsed(pk: int, sha256: str) -> dict[str, LimitDefinition]:
    # The digest is part of the key so that a restored database is read anew.
    return parse_limits(TextVersion.objects.values_list("body", flat=True).get(pk=pk))
