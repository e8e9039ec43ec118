from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def grant(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Whoever manages sites manages their calendars and holidays, until an administrator decides otherwise."""
    grants = apps.get_model("org", "Grant").objects
    for role_id in grants.filter(action="admin.sites").values_list("role_id", flat=True):
        grants.get_or_create(role_id=role_id, action="calendar.manage")


class Migration(migrations.Migration):
    dependencies = [("limits", "0006_pause_with_instance"), ("org", "0001_initial")]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
