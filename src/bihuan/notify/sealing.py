"""Secrets of channels: sealed with the installation's key, or named by an environment variable; never shown.

Sealed with Fernet (AES-CBC and HMAC) under a key derived from SECRET_KEY; keys in SECRET_KEY_FALLBACKS still open what
they sealed, so the key can be changed. `env:BIHUAN_NOTICE_…` is read when it is used; other variables are refused, for
an administrator of channels is not to learn the installation's own secrets.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from bihuan.kernel.errors import BusinessError

REFERENCE = "env:"
_ALLOWED = re.compile(r"env:BIHUAN_NOTICE_[A-Z0-9_]{1,60}")
_PURPOSE = b"bihuan notice channels 1:"


class SecretLost(Exception):
    """A secret that can no longer be read: the installation's key or the variable is gone."""


def sealed(text: str, field: str) -> str:
    """What is stored in place of a secret. Refuses a reference to any variable that is not BIHUAN_NOTICE_…"""
    if not text.startswith(REFERENCE):
        return _keys().encrypt(text.encode()).decode()
    if not _ALLOWED.fullmatch(text):
        raise BusinessError("只能引用以 BIHUAN_NOTICE_ 开头的环境变量", field)
    return text


def opened(stored: str) -> str:
    """The secret itself, for sending only. Raises SecretLost."""
    if not stored.startswith(REFERENCE):
        try:
            return _keys().decrypt(stored.encode()).decode()
        except InvalidToken:
            raise SecretLost("密钥无法解开，请重新填写") from None
    name = stored.removeprefix(REFERENCE)
    if not _ALLOWED.fullmatch(stored):
        raise SecretLost("不允许引用这个环境变量")
    if name in os.environ:
        return os.environ[name].strip()
    try:
        return Path(os.environ[f"{name}_FILE"]).read_text(encoding="utf-8").strip()
    except (KeyError, OSError):
        raise SecretLost(f"服务器上没有环境变量 {name}") from None


def _keys() -> MultiFernet:
    return MultiFernet([_key(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str | bytes) -> Fernet:
    raw = secret.encode() if isinstance(secret, str) else secret
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(_PURPOSE + raw).digest()))
