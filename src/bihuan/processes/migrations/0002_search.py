"""Finding instances by node, version and person: the indexes, and timers that name their node in a column."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models.fields.json import KeyTextTransform


def name_nodes(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Until now the node stood in the payload."""
    timers = apps.get_model("processes", "Job").objects.filter(kind="timer", payload__has_key="node")
    timers.update(node_id=KeyTextTransform("node", "payload"))


class Migration(migrations.Migration):
    dependencies = [
        ("org", "0002_duty"),
        ("processes", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="node_id",
            field=models.CharField(blank=True, default="", max_length=120, verbose_name="节点"),
        ),
        migrations.RunPython(name_nodes, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="instance",
            name="version",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="processes.version",
                verbose_name="版本",
            ),
        ),
        migrations.AddIndex(
            model_name="instance",
            index=models.Index(fields=["version", "site", "status", "started_at"], name="processes_instance_version"),
        ),
        migrations.AddIndex(
            model_name="instance",
            index=models.Index(
                condition=models.Q(("started_by__isnull", False)),
                fields=["started_by", "started_at"],
                name="processes_instance_starter",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("kind", "timer")), fields=["site_id", "node_id"], name="processes_job_node"
            ),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(fields=["site", "node_id"], name="processes_subscription_node"),
        ),
        migrations.AddIndex(
            model_name="workitem",
            index=models.Index(
                condition=models.Q(("status", "open")), fields=["site", "node_id", "id"], name="processes_item_node"
            ),
        ),
    ]
