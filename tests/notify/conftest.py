from __future__ import annotations

from collections.abc import Iterator

import pytest

from bihuan.notify.models import Contact
from tests.cast import Cast
from tests.notify.receivers import HttpReceiver, MailReceiver, http_receiver, mail_receiver


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """A system that takes what we post."""
    with http_receiver() as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[MailReceiver]:
    """A mail server that keeps what we send."""
    with mail_receiver() as running:
        yield running


@pytest.fixture
def with_mail(cast: Cast) -> None:
    for who in ("advisor", "technician", "site_manager"):
        Contact.objects.create(user=cast.user(who), mail=f"{who}@yl.example")
