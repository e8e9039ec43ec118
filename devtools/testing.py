"""`dev.py test` and `test-long`: what proves the product, on PostgreSQL and on SQLite, with a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from devtools import setup
from devtools.browser import browser
from devtools.postgres import postgres
from devtools.shell import DATA, ROOT, environment, python, say

TEST_DATA = DATA / "test"
NOTHING_CHOSEN = 5  # pytest found no test that matches, e.g. only pure ones were asked for
SUMMARY = "short test summary info"


def test(extra: Sequence[str], choose: str = "not long") -> int:
    """Run the tests that `choose` marks. Returns 0 when all passed. The last line printed is pytest's closing line."""
    setup.everything()
    TEST_DATA.mkdir(parents=True, exist_ok=True)
    more = {
        "BIHUAN_DATA": str(TEST_DATA),
        "BIHUAN_TEST_STATIC": "manifest",
        "BIHUAN_TEST_COMPLETE": "1",
        **browser(),
    }
    setup.collect_static({**more, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": "."})
    with postgres() as server:
        say("· Tests that touch the database, on PostgreSQL")
        on_postgres, said = _pytest(
            ["-m", f"{choose} and not browser", *extra], {**more, **server, "BIHUAN_TEST_DB": "postgres"}
        )
        on_postgres = 0 if on_postgres == NOTHING_CHOSEN else on_postgres
        say("· All tests, on SQLite")
        on_sqlite, _ = _pytest(["-m", choose, *extra], {**more, **server})
    if on_postgres and not on_sqlite:
        # The last line must tell the truth: show what failed once more.
        say("· On SQLite everything passed; on PostgreSQL:\n" + said[max(said.rfind(SUMMARY) - 30, 0) :].strip())
    return on_postgres or on_sqlite


def _pytest(extra: Sequence[str], more: dict[str, str]) -> tuple[int, str]:
    """Run pytest on all processors, showing its output as it comes. Returns its exit code and what it said."""
    command = [python(), "-m", "pytest", "-q", "-n", str(os.cpu_count() or 2), "--dist", "worksteal", *extra]
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(more), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
    ) as running:  # fmt: skip
        assert running.stdout is not None
        for line in running.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    return running.returncode, "".join(lines)
