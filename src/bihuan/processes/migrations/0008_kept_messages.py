import django.db.models.deletion
import django.db.models.manager
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("org", "0003_displays"),
        ("processes", "0007_stopped_versions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, verbose_name="名称")),
                ("correlation", models.CharField(blank=True, default="", max_length=200, verbose_name="关联值")),
                ("payload", models.TextField(default="{}", verbose_name="内容")),
                ("node_id", models.CharField(blank=True, default="", max_length=120, verbose_name="节点")),
                ("sent_at", models.DateTimeField(verbose_name="发出")),
                ("expires_at", models.DateTimeField(verbose_name="保留至")),
                (
                    "sender",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="kept_messages",
                        to="processes.instance",
                    ),
                ),
                (
                    "sent_by",
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
                    "site",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="org.site"
                    ),
                ),
            ],
            options={
                "verbose_name": "没有取走的消息",
                "verbose_name_plural": "没有取走的消息",
                "indexes": [
                    models.Index(fields=["name", "correlation", "id"], name="processes_message_name"),
                    models.Index(fields=["site", "expires_at"], name="processes_message_site"),
                ],
            },
            managers=[
                ("unscoped", django.db.models.manager.Manager()),
            ],
        ),
    ]
