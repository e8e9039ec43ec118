"""What a copy is of is known from here on: its site, and a case or an instance."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0010_carbon_copies"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="carboncopy", name="copy_on_known"),
        migrations.AlterField(
            model_name="carboncopy",
            name="on",
            field=models.CharField(
                choices=[("open", "打开时"), ("complete", "办完时"), ("hand", "手动"), ("escalate", "上报")],
                max_length=8, verbose_name="何时",
            ),
        ),
        migrations.AlterField(
            model_name="carboncopy",
            name="site",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="org.site", verbose_name="门店"
            ),
        ),
        migrations.AddIndex(
            model_name="carboncopy",
            index=models.Index(
                condition=Q(instance_id__isnull=False), fields=["instance_id"], name="copy_of_instance"
            ),
        ),
        migrations.AddConstraint(
            model_name="carboncopy",
            constraint=models.CheckConstraint(
                condition=Q(on__in=["open", "complete", "hand", "escalate"]), name="copy_on_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="carboncopy",
            constraint=models.CheckConstraint(
                condition=Q(case__isnull=False) | Q(instance_id__isnull=False), name="copy_of_something"
            ),
        ),
    ]  # fmt: skip
