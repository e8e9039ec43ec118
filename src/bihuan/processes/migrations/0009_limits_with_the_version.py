"""Versions that exist go on by the limits that hold on the day of the upgrade: those their running instances have had."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from typing import Any

from django.db import migrations, models

_NAMED = re.compile(r"""\blimit\s*=\s*["']([a-z0-9_]+)["']""")
_PROCESS = re.compile(r"""<(?:\w+:)?process\b[^>]*?\bid\s*=\s*["']([^"']+)["']""")


def keep_limits(apps: Any, schema_editor: Any) -> None:
    """Give each version the limits its file names, and those of its cases; the digest covers them from now on."""
    limits = _in_force(apps.get_model("forms", "TextVersion"))
    version_model = apps.get_model("processes", "Version")
    for version in version_model.objects.all().iterator():
        named, processes = set(_NAMED.findall(version.xml)), {"", *_PROCESS.findall(version.xml)}
        kept = {
            key: entry
            for key, entry in limits.items()
            if key in named or (entry.get("of") == "case" and entry.get("process", "") in processes)
        }
        if kept:
            content = version.xml + json.dumps(kept, ensure_ascii=False, sort_keys=True)
            digest = hashlib.sha256(content.encode()).hexdigest()
            version_model.objects.filter(pk=version.pk).update(limits=kept, sha256=digest)


def _in_force(texts: Any) -> dict[str, Any]:
    newest: dict[str, str] = {}
    rows = texts.objects.filter(key__startswith="limits/").order_by("key", "number")
    for key, body in rows.values_list("key", "body"):
        newest[key] = body
    return {entry["key"]: entry for body in newest.values() for entry in tomllib.loads(body).get("limit", [])}


class Migration(migrations.Migration):
    dependencies = [
        ("forms", "0001_initial"),
        ("processes", "0008_kept_messages"),
    ]

    operations = [
        migrations.AddField(
            model_name="version",
            name="limits",
            field=models.JSONField(blank=True, default=dict, verbose_name="时限"),
        ),
        migrations.RunPython(keep_limits, migrations.RunPython.noop),
    ]
