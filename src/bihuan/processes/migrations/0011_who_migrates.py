from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def grant(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Whoever publishes processes may move and hold what runs on them, until an administrator decides otherwise."""
    grants = apps.get_model("org", "Grant").objects
    for role_id in grants.filter(action="process.manage").values_list("role_id", flat=True):
        grants.get_or_create(role_id=role_id, action="process.migrate")


class Migration(migrations.Migration):
    dependencies = [("processes", "0010_sweeps"), ("org", "0001_initial")]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
