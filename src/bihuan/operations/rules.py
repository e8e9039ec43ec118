"""The installed rule book as operations read it: the wording of its notices."""

from __future__ import annotations

from bihuan.forms.models import TextVersion

NOTICE = "notice/"
"""What the keys of notice templates begin with."""


def notice_wording(key: str) -> tuple[str, str] | None:
    """Digest and text of the notice template in force under a key, None when no rule book words it; one query."""
    rows = TextVersion.objects.filter(key=f"{NOTICE}{key}").order_by("-number")
    return rows.values_list("sha256", "body").first()
