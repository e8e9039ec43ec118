"""Copies of whatever a process is about: a case, or the instance itself; reminders and escalation of the rule."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Cast, Concat


def say_where(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Copies of cases say themselves where they belong."""
    case = apps.get_model("records", "Case")._base_manager.filter(pk=OuterRef("case_id"))
    number = Cast(F("case_id"), models.CharField(max_length=20))
    apps.get_model("records", "CarbonCopy")._base_manager.update(
        site_id=Subquery(case.values("site_id")), chain=Concat(Value("case:"), number)
    )


class Migration(migrations.Migration):
    dependencies = [
        ("org", "0004_customer_quiet_hours"),
        ("records", "0009_case_titles"),
    ]

    operations = [
        migrations.RenameModel(old_name="CaseCopy", new_name="CarbonCopy"),
        migrations.AlterField(
            model_name="carboncopy",
            name="case",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="copies",
                to="records.case", verbose_name="单据",
            ),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="site",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="org.site",
                verbose_name="门店",
            ),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="instance_id",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="流程实例"),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="node_id",
            field=models.CharField(blank=True, default="", max_length=120, verbose_name="节点"),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="title",
            field=models.CharField(blank=True, default="", max_length=200, verbose_name="事项"),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="chain",
            field=models.CharField(blank=True, default="", max_length=80, verbose_name="日志"),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="reminders",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="提醒次数"),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="escalated_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="上报时间"),
        ),
        migrations.RunPython(say_where, migrations.RunPython.noop),
    ]  # fmt: skip
