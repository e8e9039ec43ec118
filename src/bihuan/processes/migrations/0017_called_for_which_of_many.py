from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("processes", "0016_room_for_messages")]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="called_for",
            field=models.CharField(blank=True, db_default="", default="", max_length=100, verbose_name="为哪一项"),
        ),
    ]
