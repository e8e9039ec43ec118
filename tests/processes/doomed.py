"""A process that stops in the middle of a transaction and waits there to be killed.

Run with one of `timer`, `item ITEM USERNAME` on the database of BIHUAN_DB; prints "inside" once the rows are written
but not committed.
"""

from __future__ import annotations

import sys
from datetime import timedelta

import django

django.setup()

from bihuan.accounts.models import User  # noqa: E402
from bihuan.kernel import clock  # noqa: E402
from bihuan.org.access import load_actor  # noqa: E402
from bihuan.processes import engine_store, jobs  # noqa: E402
from bihuan.processes.contract import StepResult, Surroundings  # noqa: E402


def linger(_: StepResult) -> None:
    """All rows of the step are written; the transaction is open."""
    sys.stdout.write("inside\n")
    sys.stdout.flush()
    sys.stdin.read()


def main() -> None:
    around = Surroundings(observe=linger)
    if sys.argv[1] == "timer":
        jobs.fire_due(clock.now() + timedelta(hours=2), around=around)
    else:
        actor = load_actor(User.objects.get(username=sys.argv[3]))
        engine_store.complete_item(int(sys.argv[2]), {"amount": 5}, actor=actor, once_key="k", around=around)


if __name__ == "__main__":
    main()
