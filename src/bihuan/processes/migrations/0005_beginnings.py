import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("processes", "0004_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="Beginning",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("message", "消息"), ("signal", "信号")], max_length=10, verbose_name="类别"
                    ),
                ),
                ("name", models.CharField(max_length=120, verbose_name="名称")),
                (
                    "definition",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="beginnings",
                        to="processes.definition",
                    ),
                ),
            ],
            options={
                "verbose_name": "流程的触发条件",
                "verbose_name_plural": "流程的触发条件",
                "indexes": [models.Index(fields=["kind", "name"], name="processes_beginning_name")],
            },
        ),
    ]
