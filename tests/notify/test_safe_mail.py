"""Mail over an encrypted line with a password, against a real server with a certificate of its own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bihuan.notify.channels import mail
from bihuan.notify.channels.transport import Outgoing, TransportError
from tests.notify.receivers import MailReceiver, mail_receiver

PASSWORD = "a-mail-password"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for this machine, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def server(certificate: Path) -> Iterator[MailReceiver]:
    """A mail server that wants STARTTLS and a password."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def check(_server: object, _session: object, _envelope: object, _mechanism: str, data: object) -> AuthResult:
        return AuthResult(success=getattr(data, "password", b"") == PASSWORD.encode(), handled=False)

    with mail_receiver(tls_context=context, require_starttls=True, auth_required=True, authenticator=check) as running:
        yield running


def send(server: MailReceiver, password: str = PASSWORD) -> None:
    values = {
        "host": server.host, "port": str(server.port), "security": "starttls", "sender": "notice@yl.example",
        "username": "notice", "password": password,
    }  # fmt: skip
    mail.check(values)
    message = Outgoing("ab" * 16, "缺件", "示A12345", "case", datetime.now(UTC), address="lixiao@yl.example")
    mail.send(message, values)


def test_the_password_goes_only_over_the_encrypted_line(
    server: MailReceiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    send(server)
    assert [recipient for recipient, _ in server.mails] == ["lixiao@yl.example"]


def test_a_wrong_password_is_told_and_the_channel_rests(
    server: MailReceiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(TransportError, match="不接受用户名或密码") as refused:
        send(server, "wrong")
    assert refused.value.rest_seconds > 0
    assert server.mails == []


def test_a_server_nobody_vouches_for_gets_no_password(server: MailReceiver) -> None:
    with pytest.raises(TransportError, match="连不上邮件服务器"):
        send(server)
    assert server.mails == []
