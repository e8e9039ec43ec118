from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("records", "0004_writing_to_customers"),
    ]

    operations = [
        migrations.AlterField(
            model_name="case",
            name="kind",
            field=models.CharField(
                choices=[
                    ("service_visit", "来店维修"),
                    ("appointment", "预约"),
                    ("outreach", "主动邀约"),
                    ("follow_up", "回访"),
                    ("complaint", "投诉"),
                    ("suggestion", "建议"),
                    ("routine", "例行工作"),
                ],
                max_length=20,
                verbose_name="类型",
            ),
        ),
    ]
