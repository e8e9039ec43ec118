"""The Jinja2 environment of all screens: what every template may call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django_htmx.jinja import htmx_script
from jinja2 import Environment, Undefined
from jinja2.ext import Extension
from jinja2.utils import missing
from markupsafe import Markup

from bihuan.kernel import clock
from bihuan.kernel.ids import new_once_key
from bihuan.kernel.paging import in_words
from bihuan.web import wording


def url(name: str, *args: Any, **kwargs: Any) -> str:
    """The address of a named view; fails loudly when there is none."""
    return reverse(name, args=args or None, kwargs=kwargs or None)


def url_or_none(name: str, *args: Any) -> str | None:
    """The address of a view that may not be installed."""
    try:
        return reverse(name, args=args or None)
    except NoReverseMatch:
        return None


def icon(name: str, label: str = "", size: str = "") -> Markup:
    """An icon of the sprite. Without a label it is decoration and hidden from screen readers."""
    known = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="icon{}" {} width="20" height="20"><use href="{}#{}"></use></svg>').format(
        f" icon-{size}" if size else "", known, static("bihuan/icons.svg"), name
    )


class Careful(Undefined):
    """An unknown name is a typo and fails; a mapping without an optional entry merely has none."""

    __slots__ = ()

    def _optional(self) -> bool:
        if self._undefined_obj is missing:
            self._fail_with_undefined_error()
        return False

    def __str__(self) -> str:
        self._optional()
        return ""

    def __bool__(self) -> bool:
        return self._optional()

    def __iter__(self) -> Iterator[Any]:
        self._optional()
        return iter(())


def environment(**options: Any) -> Environment:
    """Called by Django's Jinja2 backend. Undefined names are errors: a typo must not print nothing."""
    options["undefined"] = Careful
    extensions: list[str | type[Extension]] = ["jinja2.ext.do", "jinja2.ext.loopcontrols"]
    env = Environment(extensions=extensions, trim_blocks=True, lstrip_blocks=True, **options)
    env.globals.update(
        static=static,
        url=url,
        url_or_none=url_or_none,
        icon=icon,
        htmx_script=htmx_script,
        now=clock.now,
        new_once_key=new_once_key,
        time_left=wording.time_left,
        urgency=wording.urgency,
    )
    env.filters.update(
        money=wording.money,
        amount=wording.amount,
        hours=wording.hours,
        trim_zeros=wording.trim,
        plate=wording.plate,
        is_plate=wording.is_plate,
        masked_phone=wording.masked_phone,
        masked_address=wording.masked_address,
        spaced_phone=wording.spaced_phone,
        day=wording.day,
        moment=wording.moment,
        clock_time=wording.clock_time,
        span=wording.span,
        iso=wording.iso,
        local=wording.local,
        exact=wording.exact,
        stamp=wording.stamp,
        clock_seconds=wording.clock_seconds,
        counted=in_words,
    )
    return env
