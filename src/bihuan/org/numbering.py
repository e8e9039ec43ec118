"""Document numbers by site, kind and day: YL-JD-20261124-0007."""

from __future__ import annotations

import re
from datetime import date

from django.db import connection

from bihuan.org.models import Site

_KIND = re.compile(r"[A-Z]{1,12}")
_NEXT_SQL = (
    "INSERT INTO org_sequence (site_id, kind, day, last) VALUES (%s, %s, %s, 1) "
    "ON CONFLICT (site_id, kind, day) DO UPDATE SET last = org_sequence.last + 1 RETURNING last"
)


def next_number(site: Site, kind: str, day: date) -> str:
    """The next number of this kind at this site on this (local) day, at least four digits; never the same twice.

    One atomic statement. A number taken in a transaction that is rolled back may be given out again or skipped.
    Two transactions numbering the same kind at the same site wait for each other's commit, so take the number late;
    a transaction that needs several kinds takes them in alphabetical order, or two could wait for each other.
    """
    if not _KIND.fullmatch(kind):
        raise ValueError(f"a kind is capital letters, not {kind!r}")
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_SQL, [site.pk, kind, day])
        (number,) = cursor.fetchone()
    return f"{site.code}-{kind}-{day:%Y%m%d}-{number:04d}"
