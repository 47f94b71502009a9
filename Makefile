# `make run` runs the bundled review, `make test` the tests; the first of them makes the environment in .venv, once.
PYTHON ?= python3
BIN := .venv/bin
RECORDS := benchmarks/reliability

.PHONY: archive test-cluster docs pictures walk examples run test faults fuzz mutations reliability packages wheel-test lint bench agreement lock clean
run: .venv/ready
	@$(BIN)/python -m small_evidence.cli run

# Where Python is told to keep no compiled modules, each process of a run would compile all of them again.
COMPILE := $(BIN)/python -m compileall -q small_evidence

test: .venv/ready
	@$(COMPILE)
	$(BIN)/pytest -n 2 --dist loadfile

# every example from its tables to its report, in a copy
examples: .venv/ready
	@work=$$(mktemp -d) && cp -r examples/. $$work && for one in $$work/*/; do \
	  $(BIN)/python -m snakemake --quiet --cores 2 --directory $$one || exit 1; \
	done && rm -r $$work

wheel-test: .venv/ready
	WHEEL_TEST=1 $(BIN)/pytest -n0 tests/test_packaging.py

# Random inputs, new at each run, counted: `make fuzz FUZZ_EXAMPLES=920` tries 100,000.
FUZZ_EXAMPLES ?= 100
fuzz: .venv/ready
	@rm -f $(RECORDS)/fuzz.csv
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) FUZZ_RECORD=$(RECORDS)/fuzz.csv \
	  $(BIN)/pytest -n0 tests/test_fuzz.py tests/test_extraction.py -k "fuzz or random_damage"; \
	  status=$$?; awk -F, '{print; all += $$2} END {print all " inputs"}' $(RECORDS)/fuzz.csv; exit $$status

# The bundled review killed at 70 seeded moments, and full disks, other users, clocks and places. Kills of another review
# (FAULTS_REVIEW=tests/data/minimal) are recorded beside them.
FAULTS_KILLS ?= 70
FAULTS_REVIEW ?= .
faults: .venv/ready
	@rm -f $(RECORDS)/faults.csv
	FAULTS_ALL=1 FAULTS_KILLS=$(FAULTS_KILLS) FAULTS_REVIEW=$(FAULTS_REVIEW) FAULTS_TARGETS= FAULTS_RECORD=$(RECORDS) \
	  $(BIN)/pytest -n0 tests/faults

# Changes of the library in one place at a time, each tried against the tests that run it; what those are is measured once,
# in half an hour. Survivors are tried again after new tests with: make mutations MUTATE="--again --measure tests/test_x.py"
MUTATIONS ?= 250
MUTATE ?=
mutations: .venv/ready
	$(BIN)/python -m tests.mutations $(MUTATIONS) $(MUTATE)

# docs/reliability.md from what the three above found
reliability: .venv/ready
	$(BIN)/python benchmarks/reliability.py > docs/reliability.md

# Whether every package that is used is named and every named one is used, and whether the lock can be installed on each Python
packages: .venv/ready
	@$(BIN)/uv pip install --quiet --python $(BIN)/python 'deptry>=0.25,<1'
	@$(BIN)/deptry small_evidence workflow
	@for version in 3.11 3.12 3.13; do \
	  $(BIN)/uv pip install --quiet --dry-run --python-version $$version --require-hashes --target .venv/lock -r requirements.lock \
	  && echo "Python $$version: every package of requirements.lock is there" || exit 1; done

# The profiles on a Slurm of two nodes on this machine, one of which is killed; needs root, slurm-wlm and munge
LOOPBACK := $(CURDIR)/.venv/loopback_slurm
test-cluster: .venv/ready
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint requirements.lock -r pyproject.toml --extra cluster
	@rm -rf $(LOOPBACK) && $(BIN)/python tests/loopback_slurm.py start $(LOOPBACK)
	PATH=$(LOOPBACK)/bin:$$PATH SLURM_CONF=$(LOOPBACK)/slurm.conf LOOPBACK_SLURM=$(LOOPBACK) \
	  $(BIN)/pytest -n0 tests/test_cluster.py; code=$$?; \
	  $(BIN)/python tests/loopback_slurm.py stop $(LOOPBACK); exit $$code

# The archive of the review, checked by the validator of RO-Crate, which has an environment of its own
archive: .venv/ready
	$(BIN)/snakemake results/archive.zip
	@test -x .venv/archive/bin/python || $(PYTHON) -m venv .venv/archive
	@$(BIN)/uv pip install --quiet --python .venv/archive/bin/python "roc-validator>=0.13,<0.14" "rocrate>=0.16,<0.17"
	.venv/archive/bin/python benchmarks/validate_archive.py results/archive.zip

# The site in site/: every page, notebooks with their outputs, links checked. Serve it with: .venv/bin/mkdocs serve
docs: run
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r pyproject.toml --extra docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# The pictures of the README and the docs, from the results of the bundled review; needs Chromium
pictures: run
	@$(BIN)/python docs/draw_gallery.py

# docs/walk.md: a review of ten studies from an empty folder, as it was typed and printed
walk: .venv/ready
	@$(BIN)/python docs/make_walk.py

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint --quiet host
	$(BIN)/mypy
	$(BIN)/codespell

bench: .venv/ready
	@$(COMPILE)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/size.py runs 30 300 3000
	$(BIN)/python benchmarks/size.py batch 200 400
	$(BIN)/python benchmarks/pooling.py
	$(BIN)/python benchmarks/reading.py
	$(BIN)/python benchmarks/figures.py

# Statistics against computations of their own, the coverage of the interval of a pooled odds ratio, the test of subgroups: minutes each
agreement: .venv/ready
	$(BIN)/python benchmarks/agreement.py
	$(BIN)/python benchmarks/comparisons.py
	$(BIN)/python benchmarks/subgroups.py
	$(BIN)/python benchmarks/predictions.py

# uv comes from the lock too, so that nothing is installed without its hash; compiled bytecode saves 3 s a job.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; $(PYTHON) is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12")'
	@echo "Making the environment in .venv (once, half a minute)"
	@$(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {uv = /^uv==/} uv' requirements.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

lock:
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --output-file requirements.lock

clean:
	rm -rf results data/processed .snakemake
