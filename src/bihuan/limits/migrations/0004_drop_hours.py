from django.db import migrations


class Migration(migrations.Migration):
    # Apart from the data before it: PostgreSQL alters no table while checks of its new rows are pending.
    dependencies = [("limits", "0003_hours_as_versions")]

    operations = [migrations.RemoveField(model_name="clock", name="hours")]
