"""A worker that stops while it tells about clocks, in the middle of its transaction, and waits there to be killed."""

from __future__ import annotations

import sys

import django

django.setup()

from django.db import transaction  # noqa: E402

from bihuan.operations.timing.due_work import tell_due_clocks  # noqa: E402


def main() -> None:
    with transaction.atomic():
        assert tell_due_clocks() == 3
        sys.stdout.write("inside\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
