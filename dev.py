#!/usr/bin/env python3
"""Set up, run and test 闭环 Bihuan. Needs nothing but Python 3.11 or newer.

python3 dev.py run                 set up, load the demo and serve it on http://127.0.0.1:8000
python3 dev.py test [PYTEST …]     everything that proves the product, on PostgreSQL and SQLite, with a browser
python3 dev.py test-long [PYTEST …]  what takes longer: many clients at once, killed servers, more generated cases
python3 dev.py setup               only the virtual environment, scripts and styles
python3 dev.py assets              only scripts and styles
python3 dev.py lock [--upgrade]    write requirements/*.txt from requirements/*.in
python3 dev.py postgres [--durable] COMMAND …   run a command with a PostgreSQL of its own (PGHOST is set)
python3 dev.py browser COMMAND …   run a command with CHROMIUM and a Chinese font set
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

if sys.version_info < (3, 11):  # noqa: UP036  the message is for older ones
    sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")

from devtools import server, setup, testing
from devtools.browser import browser
from devtools.postgres import postgres
from devtools.shell import StepError, openly, say


def main(arguments: Sequence[str]) -> int:
    command, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    match command:
        case "run":
            server.run()
        case "test":
            return testing.test(rest)
        case "test-long":
            return testing.test(rest, choose="long")
        case "setup":
            setup.everything()
            say("Ready.")
        case "assets":
            setup.packages()
            setup.assets()
        case "lock":
            setup.packages()
            setup.lock(upgrade="--upgrade" in rest)
        case "postgres" if rest:
            with postgres(durable=rest[0] == "--durable") as variables:
                return openly(rest[1:] if rest[0] == "--durable" else rest, more=variables)
        case "browser" if rest:
            return openly(rest, more=browser())
        case _:
            say(__doc__ or "")
            return 2
    return 0


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    try:
        sys.exit(main(sys.argv[1:]))
    except StepError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        sys.exit(130)
