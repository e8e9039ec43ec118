"""Somebody with the database in their hands, who goes past everything that protects the log."""

from __future__ import annotations

from django.db import connection


def tamper(sql: str) -> None:
    """Change the log's table by hand; the statement must hit something."""
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgres:
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")
        cursor.execute(sql)
        assert cursor.rowcount > 0
        if is_postgres:
            cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER USER")
