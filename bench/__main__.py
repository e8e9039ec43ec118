"""`python -m bench`: measure on the database that the settings name, and print one JSON object."""

from __future__ import annotations

import logging
import sys

import django

django.setup()

from bench.measure import main  # noqa: E402 the models exist only after set-up

logging.disable(logging.WARNING)
sys.exit(main())
