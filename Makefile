# `make` alone lists the commands. Each one sets up what it needs.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SPARK_VENV := .venv-spark
SPARK_READY := $(SPARK_VENV)/.ready

export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: help setup demo run ui desk browser test test-spark java lint fix lock clean clean-demo

help: ## list these commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## virtual environment, locked dependencies, dbt profile
	@$(BIN)/lifecourse setup

# compileall: where PYTHONDONTWRITEBYTECODE is set, every start would compile everything
# again (great_expectations alone 12-16 s instead of 4-5 s, measured 2026-11).
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "lifecourse needs Python 3.11 or later; name one with make PYTHON=python3.11"; exit 3; }
	@echo "setting up $(VENV) (about two minutes, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		-r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib orchestration >/dev/null || true
	@touch $(READY)

demo: setup ## the main job on a fictional county, with one bad delivery
	@$(BIN)/lifecourse demo

run: setup ## take in new deliveries: make run DELIVERIES=/data/from-agencies
	@$(BIN)/lifecourse run $(if $(DELIVERIES),--deliveries "$(DELIVERIES)")

ui: setup ## Dagster's UI on http://127.0.0.1:3000
	@$(BIN)/lifecourse ui

desk: setup ## the steward desk on http://127.0.0.1:8321
	@$(BIN)/lifecourse desk serve

browser: ## Chromium, which the tests of the steward desk drive
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
		echo "installing chromium"; [ "$$(id -u)" = 0 ] && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium \
		>/dev/null; } || { echo "The tests need Chromium; install it (Debian, Ubuntu: apt-get" \
		"install chromium), then run make test again."; exit 3; }

# Two at a time, a file each: a test waits for a server or for dbt more than it computes. In the
# order of the files, so that the longest, from end to end, does not begin when all else is done.
test: setup browser lint ## lint, then all tests
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-spark: setup java $(SPARK_READY) ## all of core, panels and marts on Spark: the same rows?
	@$(BIN)/python -m pytest -q -s tests/spark

# Debian 12 has 17, its successors have later ones only.
java: # 17 or later, which Spark runs on
	@"$${JAVA_HOME:+$$JAVA_HOME/bin/}java" -XshowSettings:properties -version 2>&1 \
		| grep -Eq ' java.specification.version = (1[7-9]|[2-9][0-9])' \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		echo "installing Java" && apt-get update -qq && export DEBIAN_FRONTEND=noninteractive && \
		{ apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null 2>&1 || \
		apt-get install -y -qq --no-install-recommends default-jre-headless >/dev/null; }; } || \
		{ echo "Spark needs Java 17 or later; install it (Debian, Ubuntu: apt-get install" \
		"default-jre-headless), then run make test-spark again."; exit 3; }

# Not in the main environment: dbt-spark and pyspark are 500 MB that PostgreSQL's users do not need.
$(SPARK_READY): requirements-spark.lock
	@echo "setting up $(SPARK_VENV) (about three minutes, once)"
	@$(PYTHON) -m venv $(SPARK_VENV)
	@$(SPARK_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--no-deps -r requirements-spark.lock
	@touch $(SPARK_READY)

lint: setup ## ruff and sqlfluff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar models tests

fix: setup ## let ruff and sqlfluff mend what they can
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --processes 0 --disable-progress-bar models tests

lock: ## resolve the dependencies again (writes requirements*.lock)
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --upgrade --quiet -o requirements.lock
	@printf 'dbt-core>=1.11,<1.12\ndbt-spark>=1.11,<1.12\npyspark[connect]>=4,<5\n' | \
		$(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --upgrade --quiet -o requirements-spark.lock

clean-demo: setup ## delete the demo and its warehouse (refuses if it holds other files)
	@$(BIN)/lifecourse demo --reset

clean: ## delete the virtual environment and what was built (never the warehouse)
	@rm -rf $(VENV) target logs *.egg-info
