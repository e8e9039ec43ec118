from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def plan(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """What people were told before there were channels is not sent out now."""
    notices = apps.get_model("notify", "Notice").objects
    notices.filter(planned_at__isnull=True).update(planned_at=models.F("at"))


class Migration(migrations.Migration):
    dependencies = [("notify", "0002_channels_and_outbox")]

    operations = [migrations.RunPython(plan, migrations.RunPython.noop)]
