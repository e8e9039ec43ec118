"""The installed rule book as operations read it: its time limits and the wording of its notices."""

from __future__ import annotations

from functools import lru_cache

from bihuan.forms.models import TextVersion
from bihuan.kernel.errors import BusinessError
from bihuan.limits.definition import LimitDefinition
from bihuan.limits.rulebook import parse_limits

NOTICE = "notice/"
"""What the keys of notice templates begin with."""


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


@lru_cache(maxsize=64)
def _parsed(pk: int, sha256: str) -> dict[str, LimitDefinition]:
    # The digest is part of the key so that a restored database is read anew.
    return parse_limits(TextVersion.objects.values_list("body", flat=True).get(pk=pk))
