"""A fresh durable PostgreSQL database: prints how to find it, and takes it away when its input ends."""

from __future__ import annotations

import json
import os
import sys

import psycopg
from psycopg import sql

from devtools.postgres import postgres


def main() -> int:
    """Hold the database for as long as the standard input is open."""
    name = f"bihuan_bench_{os.getpid()}"
    # What the start-up says belongs to the person, not to the program that reads our output.
    answer, sys.stdout = sys.stdout, sys.stderr
    with postgres(durable=True) as found:
        os.environ.update(found)
        with psycopg.connect(dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                answer.write(json.dumps({**found, "BIHUAN_DB": f"postgres:///{name}"}) + "\n")
                answer.flush()
                sys.stdin.read()
            finally:
                drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                connection.execute(drop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
