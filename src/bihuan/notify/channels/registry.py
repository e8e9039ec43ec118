"""The register of channels: a kind that is not here is refused, never ignored."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bihuan.kernel.errors import NotFound
from bihuan.notify.channels.dingtalk import DINGTALK
from bihuan.notify.channels.feishu import FEISHU
from bihuan.notify.channels.mail import MAIL
from bihuan.notify.channels.sms import SMS
from bihuan.notify.channels.transport import ChannelKind
from bihuan.notify.channels.webhook import WEBHOOK
from bihuan.notify.channels.wecom import WECOM

KINDS: Mapping[str, ChannelKind] = MappingProxyType(
    {kind.key: kind for kind in (MAIL, WECOM, DINGTALK, FEISHU, SMS, WEBHOOK)}
)


def channel_kind(key: str) -> ChannelKind:
    """The kind of that key. Raises NotFound."""
    found = KINDS.get(key)
    if found is None:
        raise NotFound(f"没有这种通知渠道：{key}")
    return found
