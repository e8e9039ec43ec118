from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("processes", "0015_newest_at_a_node")]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["expires_at"], name="processes_message_expiry"),
        ),
    ]
