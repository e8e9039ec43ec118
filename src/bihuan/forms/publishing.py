"""Publishing form versions and finding them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.db import transaction

from bihuan.forms.form import Form
from bihuan.forms.models import FormVersion
from bihuan.forms.schema import load
from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound

NO_FORM = "没有名为“{key}”的表单，请联系系统管理员安装流程包"


def publish_form(key: str, schema: Mapping[str, Any], *, source_pack: str = "") -> FormVersion:
    """Publish a schema under a key; the newest version is returned unchanged when its content is the same.

    Raises FormSchemaError with every problem; nothing is stored then.
    """
    form = load(schema)
    text = json.dumps(schema, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    with transaction.atomic():
        newest = FormVersion.objects.select_for_update().filter(key=key).order_by("-number").first()
        if newest is not None and newest.sha256 == sha256:
            return newest
        return FormVersion.objects.create(
            key=key,
            number=newest.number + 1 if newest is not None else 1,
            title=form.title,
            schema=schema,
            sha256=sha256,
            source_pack=source_pack,
            published_at=clock.now(),
        )


def newest_form(key: str) -> tuple[FormVersion, Form]:
    """The version in force of a form and the form itself. Raises NotFound."""
    version = FormVersion.objects.defer("schema").filter(key=key).order_by("-number").first()
    if version is None:
        raise NotFound(NO_FORM.format(key=key))
    return version, loaded_form(version.sha256, version.pk)


def newest_forms(keys: Iterable[str]) -> dict[str, Form]:
    """The forms in force by key, those there are. One query for all."""
    rows = FormVersion.objects.filter(key__in=set(keys)).order_by("key", "number").values_list("key", "pk", "sha256")
    newest = {key: (sha256, pk) for key, pk, sha256 in rows}
    return {key: loaded_form(sha256, pk) for key, (sha256, pk) in newest.items()}


def variable_labels(keys: Iterable[str]) -> dict[str, str]:
    """What people read beside the fields that fill routing variables: label by variable. One query for all forms."""
    labels: dict[str, str] = {}
    for form in newest_forms(keys).values():
        for one in form.fields:
            for name in one.variables:
                labels.setdefault(name, one.full_label)
    return labels


def form_version(version_id: int) -> Form:
    """The form of one version, kept in memory: versions never change. Raises NotFound."""
    row = FormVersion.objects.filter(pk=version_id).values_list("sha256", flat=True).first()
    if row is None:
        raise NotFound("这个表单版本已不存在")
    return loaded_form(row, version_id)


@lru_cache(maxsize=512)
def loaded_form(sha256: str, version_id: int) -> Form:
    """The form of a version whose digest is known, from memory if it was used before."""
    # The digest is part of the cache key so that a database restored under the same id is read anew.
    return load(FormVersion.objects.values_list("schema", flat=True).get(pk=version_id))
