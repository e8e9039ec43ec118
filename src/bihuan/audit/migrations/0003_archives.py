"""Archives of old entries; PostgreSQL lets those entries go that an archive holds, and no others."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

ALLOW = """
CREATE OR REPLACE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT 1 FROM audit_segment s
        WHERE s.chain = OLD.chain AND s.last_seq >= OLD.seq AND s.first_seq <= OLD.seq
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit entries are never changed or removed';
END
$$;
"""
REFUSE = """
CREATE OR REPLACE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are never changed or removed';
END
$$;
"""


def allow_archived(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(ALLOW)


def refuse_all(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(REFUSE)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_refuse_changes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Archive",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, unique=True, verbose_name="文件")),
                ("sha256", models.CharField(max_length=64, verbose_name="摘要")),
                ("size", models.PositiveBigIntegerField(verbose_name="字节")),
                ("entries", models.PositiveIntegerField(verbose_name="记录数")),
                ("chains", models.PositiveIntegerField(verbose_name="链数")),
                ("made_at", models.DateTimeField(verbose_name="归档时间")),
            ],
            options={
                "verbose_name": "档案",
                "verbose_name_plural": "档案",
            },
        ),
        migrations.CreateModel(
            name="Segment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain", models.CharField(max_length=80, verbose_name="链")),
                ("first_seq", models.PositiveIntegerField(verbose_name="从")),
                ("last_seq", models.PositiveIntegerField(verbose_name="到")),
                ("prev_hash", models.CharField(max_length=64, verbose_name="之前的散列")),
                ("last_hash", models.CharField(max_length=64, verbose_name="最后的散列")),
                (
                    "archive",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="segments", to="audit.archive"
                    ),
                ),
            ],
            options={
                "verbose_name": "归档段",
                "verbose_name_plural": "归档段",
                "constraints": [models.UniqueConstraint(fields=("chain", "last_seq"), name="audit_segment_chain")],
            },
        ),
        migrations.RunPython(allow_archived, refuse_all),
    ]
