# Thin wrappers; dev.py needs nothing but Python 3.11 or newer.
PYTHON ?= python3

.PHONY: run test test-long setup lock
run test test-long setup lock:
	@$(PYTHON) dev.py $@
