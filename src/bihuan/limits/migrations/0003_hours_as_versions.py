"""The opening hours a clock started with become a calendar version, so that running clocks keep them."""

import hashlib
import json

from django.db import migrations


def keep_hours(apps, schema_editor):
    clocks = apps.get_model("limits", "Clock")
    versions = apps.get_model("limits", "CalendarVersion")
    for held in clocks._base_manager.filter(hours__isnull=False).iterator():
        content = {
            "name": "营业时间",
            "zone": held.hours["zone"],
            "week": held.hours["week"],
            "days": {},
            "holidays": False,
            "confirmed": [],
        }
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        version, _ = versions._base_manager.get_or_create(sha256=digest, defaults={"content": content})
        clocks._base_manager.filter(pk=held.pk).update(calendar_version=version)


class Migration(migrations.Migration):
    dependencies = [("limits", "0002_calendars")]

    operations = [migrations.RunPython(keep_hours, migrations.RunPython.noop)]
