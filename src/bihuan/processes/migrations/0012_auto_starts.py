import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("org", "0003_displays"),
        ("processes", "0011_who_migrates"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="beginning",
            name="kind",
            field=models.CharField(
                choices=[("message", "消息"), ("signal", "信号"), ("clock", "自动")], max_length=10, verbose_name="类别"
            ),
        ),
        migrations.CreateModel(
            name="AutoStart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("node_id", models.CharField(max_length=120, verbose_name="节点")),
                ("part", models.PositiveSmallIntegerField(default=0, verbose_name="触发条件")),
                (
                    "kind",
                    models.CharField(
                        choices=[("timer", "定时"), ("conditional", "条件")], max_length=12, verbose_name="类别"
                    ),
                ),
                ("next_at", models.DateTimeField(blank=True, null=True, verbose_name="下次")),
                ("left", models.PositiveIntegerField(blank=True, null=True, verbose_name="此后次数")),
                ("met", models.BooleanField(default=False, verbose_name="条件已满足")),
                ("job_id", models.BigIntegerField(blank=True, null=True, verbose_name="后台任务")),
                ("last_at", models.DateTimeField(blank=True, null=True, verbose_name="上次")),
                ("trouble", models.CharField(blank=True, default="", max_length=500, verbose_name="上次没有办成")),
                ("held_at", models.DateTimeField(blank=True, null=True, verbose_name="暂停于")),
                ("held_reason", models.CharField(blank=True, default="", max_length=200, verbose_name="暂停原因")),
                (
                    "definition",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="auto_starts",
                        to="processes.definition",
                    ),
                ),
                (
                    "held_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "last_instance",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="processes.instance",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="org.site"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="processes.version",
                    ),
                ),
            ],
            options={
                "verbose_name": "自动发起",
                "verbose_name_plural": "自动发起",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("definition", "site", "node_id", "part"), name="processes_autostart_once"
                    )
                ],
            },
        ),
    ]
