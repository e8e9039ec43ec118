"""Files of a case: stored under their content hash, given out only to those who may see the case."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import IO, Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from bihuan.kernel import clock
from bihuan.kernel.errors import BusinessError, NotFound
from bihuan.org.actor import Actor
from bihuan.records.access import lock_case, note_on_case, read_case
from bihuan.records.media import MAX_RECORDING_BYTES, CleanFile, clean_upload
from bihuan.records.models import Attachment, Case

MAX_FILES_PER_CASE = 300
_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>:\"/\\|?*\u202a-\u202e\u2066-\u2069]+")
_ENDINGS = {
    "image/jpeg": ".jpg", "image/png": ".png", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/flac": ".flac",
    "audio/amr": ".amr", "audio/webm": ".webm", "audio/mp4": ".m4a", "audio/wav": ".wav",
}  # fmt: skip


@dataclass(frozen=True)
class OpenedFile:
    """A file ready to be sent: its stream and the headers that keep a browser from doing anything but show it."""

    stream: IO[Any]
    attachment: Attachment

    @property
    def headers(self) -> dict[str, str]:
        """Safe headers: the sniffed type, no second guess, no scripts, not kept by shared caches."""
        return {
            "Content-Type": self.attachment.mime,
            "Content-Length": str(self.attachment.size_bytes),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=3600",
        }


@transaction.atomic
def store_attachment(
    case_id: int, kind: str, upload: bytes | IO[bytes], *, name: str, actor: Actor, action: str = "case.view"
) -> Attachment:
    """Keep a photograph or a recording of a case; the type is found from the content, images are encoded anew."""
    content = upload if isinstance(upload, bytes) else upload.read(MAX_RECORDING_BYTES + 1)
    case = lock_case(case_id, actor=actor, action=action)
    if Attachment.unscoped.filter(case=case).count() >= MAX_FILES_PER_CASE:
        raise BusinessError(f"一张单据最多 {MAX_FILES_PER_CASE} 个附件", "file")
    return keep_file(case, kind, clean_upload(content), name=name, actor=actor)


def keep_file(case: Case, kind: str, file: CleanFile, *, name: str, actor: Actor) -> Attachment:
    """Store clean content and its row, inside the transaction of a use case that locked the case.

    The same content twice on a case under the same kind is one attachment.
    """
    sha256 = hashlib.sha256(file.content).hexdigest()
    same = Attachment.unscoped.filter(case=case, kind=kind[:40], sha256=sha256).first()
    if same is not None:
        return same
    path = storage_path(sha256)
    # Stored before the row commits: a file without a row is harmless, a row without its file is not.
    if not default_storage.exists(path):
        default_storage.save(path, ContentFile(file.content))
    attachment = Attachment.objects.create(
        case=case,
        kind=kind[:40],
        sha256=sha256,
        name=safe_name(name, file.mime),
        mime=file.mime,
        size_bytes=len(file.content),
        at=clock.now(),
        by_id=actor.user_id,
    )
    shown = {"attachment": attachment.pk, "kind": kind, "name": attachment.name, "sha256": sha256}
    note_on_case(actor, "attachment.stored", case, data=shown)
    return attachment


def open_attachment(attachment_id: int, *, actor: Actor) -> OpenedFile:
    """The file, to those who may see its case; NotFound looks the same for a missing and a forbidden one."""
    attachment = Attachment.unscoped.filter(pk=attachment_id).first()
    if attachment is None:
        raise NotFound("没有这个附件")
    try:
        read_case(attachment.case_id, actor=actor)
    except NotFound:
        raise NotFound("没有这个附件") from None
    path = storage_path(attachment.sha256)
    if not default_storage.exists(path):
        raise NotFound("附件文件不在了，请联系管理员")
    return OpenedFile(default_storage.open(path, "rb"), attachment)


def storage_path(sha256: str) -> str:
    """Where content lives in the storage, spread over folders."""
    return f"attachments/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def safe_name(name: str, mime: str) -> str:
    """The file name without folders, control marks or a false ending."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    stem = _UNSAFE.sub("", last).strip(" .").rsplit(".", 1)[0].strip(" .")[:100]
    return f"{stem or '附件'}{_ENDINGS.get(mime, '')}"
