"""A person's own choices: by which channel which kind, where they are reached, when they rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import StrIndex

from bihuan.accounts.models import User
from bihuan.audit.log import changes, record
from bihuan.kernel.errors import BusinessError, NotAllowed
from bihuan.notify.channels.registry import KINDS
from bihuan.notify.kinds import CHOICES, Medium, NoticeKind, When, usual
from bihuan.notify.models import Channel, Contact, Preference
from bihuan.org.actor import Actor
from bihuan.org.models import Site

MAX_MAIL = 160


@dataclass(frozen=True, slots=True)
class PersonalSettings:
    """What the settings page shows: `choices[kind][medium]`, and the media that are connected at the person's site."""

    contact: Contact
    account_phone: str
    choices: Mapping[str, Mapping[str, str]]
    connected: frozenset[str]


def personal_settings(*, actor: Actor) -> PersonalSettings:
    """The actor's own choices, the usual ones where nothing was chosen."""
    user_id = _person(actor)
    phone = User.objects.filter(pk=user_id).values_list("phone", flat=True).get()
    contact = Contact.objects.filter(user_id=user_id).first() or Contact(user_id=user_id)
    chosen = {
        (kind, medium): when
        for kind, medium, when in Preference.objects.filter(user_id=user_id).values_list("kind", "medium", "when")
    }
    choices = {
        kind: {medium: chosen.get((kind, medium)) or usual(kind, medium).value for medium in Medium.values}
        for kind in NoticeKind.values
    }
    return PersonalSettings(contact, phone, choices, media_at(actor.site_id))


def media_at(site_id: int | None) -> frozenset[str]:
    """The media for which a channel serves the site."""
    path = Site.objects.filter(pk=site_id or 0).values_list("path", flat=True).first()
    if path is None:
        return frozenset()
    serving = Channel.objects.annotate(found=StrIndex(Value(path), "site__path")).filter(is_active=True, found=1)
    kinds = serving.values_list("kind", flat=True).distinct()
    return frozenset(KINDS[kind].medium for kind in kinds if kind in KINDS)


@transaction.atomic
def save_personal(
    *,
    actor: Actor,
    mail: str,
    phone: str,
    quiet_from: str,
    quiet_until: str,
    digest_at: str,
    choices: Mapping[tuple[str, str], str],
) -> None:
    """Keep the actor's own choices. `choices` maps (kind, medium) to how soon; times are `HH:MM`.

    Both quiet times empty: no quiet hours. Refuses what cannot be, naming the field; nothing is half stored.
    """
    user_id = _person(actor)
    new = {
        "mail": _mail(mail),
        "phone": _phone(phone),
        "quiet_from": time_of_day(quiet_from, "quiet_from"),
        "quiet_until": time_of_day(quiet_until, "quiet_until"),
        "digest_at": time_of_day(digest_at, "digest_at"),
    }
    if (new["quiet_from"] is None) != (new["quiet_until"] is None):
        raise BusinessError("免打扰的起止时间要么都填，要么都空着", "quiet_from")
    if new["digest_at"] is None:
        raise BusinessError("请填写汇总时间", "digest_at")
    rows = [_choice(user_id, kind, medium, when) for (kind, medium), when in choices.items()]
    held = Contact.objects.filter(user_id=user_id).values(*new).first() or {}
    Contact.objects.update_or_create(user_id=user_id, defaults=new)
    Preference.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["user", "kind", "medium"], update_fields=["when"]
    )
    before, after = changes(_words(held), _words(new))
    record(
        actor_id=user_id,
        action="notice.choose",
        chain=f"user:{user_id}",
        site_id=actor.site_id,
        before=before,
        after=after,
    )


def _person(actor: Actor) -> int:
    if actor.user_id is None:
        raise NotAllowed("系统没有自己的通知设置")
    return actor.user_id


def _choice(user_id: int, kind: str, medium: str, when: str) -> Preference:
    if kind not in NoticeKind.values or when not in CHOICES.get(medium, ()):
        raise BusinessError("没有这种通知方式", f"{kind}-{medium}")
    return Preference(user_id=user_id, kind=kind, medium=medium, when=When(when))


def _mail(text: str) -> str:
    mail = text.strip()
    try:
        if mail:
            validate_email(mail)
    except ValidationError:
        raise BusinessError("邮箱写法不对，例如 lixiao@example.com", "mail") from None
    if len(mail) > MAX_MAIL or not mail.isascii():
        raise BusinessError(f"邮箱最长 {MAX_MAIL} 个字符，不能有中文", "mail")
    return mail


def _phone(text: str) -> str:
    phone = "".join(text.split()).replace("-", "")
    digits = phone.removeprefix("+")
    if phone and not (digits.isascii() and digits.isdecimal() and 5 <= len(digits) <= 20):
        raise BusinessError("手机号只能有数字，例如 13900001234", "phone")
    return phone


def time_of_day(text: str, field: str) -> time | None:
    """`HH:MM` as typed, None for nothing. Raises BusinessError at the field."""
    if not text.strip():
        return None
    try:
        found = time.fromisoformat(text.strip())
    except ValueError:
        raise BusinessError("时间写法不对，例如 22:00", field) from None
    return found.replace(second=0, microsecond=0, tzinfo=None)


def _words(values: Mapping[str, object]) -> dict[str, str]:
    return {
        key: value.strftime("%H:%M") if isinstance(value, time) else str(value or "") for key, value in values.items()
    }
