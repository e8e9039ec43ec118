"""What load balancers and set-up scripts ask."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client


def test_the_process_answers_without_a_database(client: Client) -> None:
    assert client.get("/healthz").content == b"ok"


@pytest.mark.django_db
def test_it_is_ready_when_the_tables_are_there(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.django_db
def test_it_is_not_ready_while_a_migration_is_missing(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'accounts'")
    assert client.get("/readyz").status_code == 503
