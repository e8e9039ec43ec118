"""What every channel is told and answers: the message in plain words, the settings, and how sending can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bihuan.notify.kinds import Medium


class TransportError(Exception):
    """A message that was not taken. The text is Chinese and is shown to administrators and on the case.

    `permanent`: trying again cannot help (a wrong address, a refused signature). `rest_seconds`: the whole channel
    cannot be reached or asks for less; none of its messages is tried before that.
    """

    def __init__(self, message: str, *, permanent: bool = False, rest_seconds: int = 0) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.rest_seconds = rest_seconds


@dataclass(frozen=True, slots=True)
class Addressee:
    """A person told: their name and login, and the telephone by which a group mentions them."""

    username: str
    name: str
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message in plain text; each channel escapes and shortens it for itself.

    `uid` stays the same at every attempt, so a receiver may drop a repeat. `address` is the mail address or the
    telephone number of a personal channel, `mentions` are the people a group's robot calls by name.
    `link` is a whole address, or "" when the installation does not say where it answers (`BIHUAN_ADDRESS`).
    """

    uid: str
    title: str
    body: str
    kind: str
    at: datetime
    urgent: bool = False
    link: str = ""
    address: str = ""
    recipient: str = ""
    site_code: str = ""
    about_kind: str = ""
    about_id: int | None = None
    told: tuple[Addressee, ...] = ()
    mentions: tuple[Addressee, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing an administrator fills in. `secret` ones are sealed and never shown again."""

    name: str
    label: str
    secret: bool = False
    required: bool = True
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    lines: bool = False
    default: str = ""


Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Callback:
    """What a gateway sent us, as it came: nothing of it can be trusted yet. Names of headers are in lower case."""

    body: bytes
    content_type: str
    headers: Mapping[str, str]
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """Whether a message reached its receiver, and why not. `reference` is our number of it or the receipt it got."""

    reference: str
    reached: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody answered to a message."""

    address: str
    text: str


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """A kind of channel: how administrators see it, what it needs, and how it sends.

    `check` refuses settings that cannot work with a BusinessError at the field. `send` answers a short receipt (a
    message number, a status) or raises TransportError; it is called outside any transaction. `read`, of kinds that are
    told something afterwards, lets in who knows the secret (else NotAllowed) and refuses what it cannot read.
    """

    key: str
    label: str
    medium: Medium
    settings: tuple[Setting, ...]
    send: Callable[[Outgoing, Values], str]
    check: Callable[[Values], None]
    about: str = ""
    read: Callable[[Callback, Values], tuple[Report | Reply, ...]] | None = None

    @property
    def is_personal(self) -> bool:
        """Whether each person gets a message of their own (mail, SMS), or one goes to a group or a system."""
        return self.medium != Medium.GROUP
