# Every target sets up what it needs; Python 3.11+ is enough. Where they may, `make test` adds Debian's kcat, chromium and
# prometheus, `make interop` its Java, Maven, Go and Node.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LINES ?= 500000
CRASH_POINTS ?= 12000
KILLS ?= 100
RECORDS ?= 60000

.PHONY: up test lint bench interop interop-tests interop-programs package package-trials package-lock release lock clean

up: $(VENV)/installed-server
	@exec $(BIN)/logpost up

# Two at once on each core, since many wait for another process; file by file.
PYTEST = $(BIN)/python -m pytest --numprocesses $(shell echo $$((2 * $$(nproc)))) --dist loadfile

test: $(VENV)/installed-dev
	@.ci/system-packages test
	$(PYTEST) --ignore tests/interop

lint: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(VENV)/installed-dev
	$(BIN)/python -m bench.pipeline --lines $(LINES)
	$(BIN)/python -m bench.broker
	$(BIN)/python -m bench.rows
	$(BIN)/python -m bench.search --lines $(LINES)
	$(BIN)/python -m bench.queries
	$(BIN)/python -m bench.growth
	$(BIN)/python -m bench.recovery
	$(BIN)/python -m bench.stopping
	$(BIN)/python -m bench.embedding
	$(BIN)/python -m bench.idle --seconds 120
	$(BIN)/python -m bench.kills
	$(BIN)/python -m pytest --timeout 0 tests/e2e/test_kill.py --lines $(LINES)
	$(BIN)/python -m pytest --timeout 0 tests/web/indexer/test_away.py --records $(RECORDS)
	$(BIN)/python -m pytest --timeout 0 tests/broker/transactions/test_copy_job.py --kills $(KILLS)
	$(BIN)/python -m pytest --timeout 0 tests/faults --crash-points $(CRASH_POINTS)
	$(BIN)/python -m pytest --timeout 0 -k 'exploration or model or against' --hypothesis-profile=wide

# What needs Java or a second Kafka: tests, then the same programs of other makers against this broker and Apache Kafka.
interop: interop-tests interop-programs

interop-tests: $(VENV)/installed-dev
	@.ci/system-packages interop
	$(PYTEST) tests/interop
	$(PYTEST) --store-server --timeout 1200 tests/web/query tests/web/api tests/web/indexer tests/web/store/test_stored.py tests/web/store/test_stats.py

interop-programs: $(VENV)/installed-dev
	@.ci/system-packages interop
	$(BIN)/python -m interop

# What people install, in packaging/build/dist: see packaging/README.md. The first time it builds Python, a quarter of an
# hour; then only what changed.
BUNDLE = PYTHONPATH=packaging $(BIN)/python -m bundle
PACKAGES = PYTHONPATH=packaging $(BIN)/python -m packages

package: $(VENV)/installed-dev
	@.ci/system-packages package
	$(BUNDLE) tree agent amd64
	$(BUNDLE) tree box amd64
	$(BUNDLE) tree agent arm64
	$(BUNDLE) tree box arm64
	$(PACKAGES) build
	$(BUNDLE) sums
	$(BIN)/python -m pytest tests/packaging

# Installs, upgrades and removes packages in trees of Debian, and boots them: as root, twenty minutes.
package-trials: $(VENV)/installed-dev
	@.ci/system-packages package
	$(BIN)/python -m pytest packaging/trials

# Everything that is published, each held against its rules; the version is that of pyproject.toml.
release: package package-trials
	$(PACKAGES) wheels --try
	$(PACKAGES) check
	$(BUNDLE) sums

package-lock: $(VENV)/installed-server
	$(BUNDLE) lock

# The lock names every version; its second half serves tests and lint only. Without --no-deps pip would add pandas,
# pyarrow and numpy, which chdb-core's metadata asks for and logpost never imports (0.3 GB).
$(VENV)/installed-server: requirements.lock pyproject.toml | $(VENV)/made
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed-server
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements-dev.lock
	@touch $@

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "logpost needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@echo "logpost: making $(VENV), once (0.7 GB; a minute)"
	@$(PYTHON) -m venv $(VENV) || { echo "python3 cannot make environments: apt install python3-venv" >&2; exit 1; }
	@touch $@

lock: $(VENV)/installed-dev
	.ci/lock $(BIN)

clean:
	rm -rf $(VENV) artifacts packaging/build .mypy_cache .pytest_cache .ruff_cache
