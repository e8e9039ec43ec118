# Thin wrappers; dev.py needs nothing but Python 3.11 or newer.
PYTHON ?= python3

.PHONY: run test setup lock
run test setup lock:
	@$(PYTHON) dev.py $@
