# The table of contents: `make help`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
CHECKOUT := $(CURDIR)
LOCALCLUSTER := $(PYTHON) -m localcluster
export PYTHONPATH := $(CHECKOUT)/tests:$(CHECKOUT)/examples:$(CHECKOUT)/operator:$(CHECKOUT)/artifact:$(CHECKOUT)/training:$(CHECKOUT)/serving
# Tests start dozens of interpreters: compile a module for the first only.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo fraud fraud-years shop venv cluster-up cluster-down cluster-status images gateway generate pin verify lint types test test-quick test-thorough test-unit test-api test-cluster test-disruptions test-upgrade test-gateway test-images test-peers freeze-base binaries matrix attack soak benchmark-serving benchmark-receipts benchmark-http benchmark-sketch benchmark-operator benchmark-power benchmark-drift benchmark-rollout benchmark-losses fuzz

help:  ## Show this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

venv: $(VENV)/.ready  ## Install Python dependencies into .venv
$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: install it, or set PYTHON=" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q uv
	$(VENV)/bin/uv pip install -q -p $(PY) --compile-bytecode -c constraints.txt -e '.[dev]'
	@touch $@

cluster-up: venv  ## Bring up the local cluster; does nothing where it is up
	@$(LOCALCLUSTER) up

cluster-down:  ## End the cluster and remove everything that it made
	@$(LOCALCLUSTER) down

cluster-status:  ## Show nodes and pods
	@$(LOCALCLUSTER) status

images: cluster-up  ## Build the images and load them into the cluster
	@$(LOCALCLUSTER) load

gateway: cluster-up  ## Install Envoy Gateway into the local cluster, with a Gateway for all namespaces
	@$(LOCALCLUSTER) gateway

binaries:  ## Build etcd, Kubernetes, CoreDNS and the S3 server into the cache
	@$(LOCALCLUSTER).binaries

generate: venv  ## Write what is generated: CRDs, the gRPC messages
	$(VENV)/bin/uv run -q --no-project --with grpcio-tools==1.76.0 python -m grpc_tools.protoc \
	  -Iserving --python_out=serving $(addprefix perennial_serving/protocol/,inference.proto feedback.proto health.proto reflection.proto)
	$(PY) -m perennial.api.crd
	$(PY) -m perennial.api.crd charts/perennial/files/crds

# Versions stay where they still fit: take a line out of constraints.txt to let one move.
PIN := $(VENV)/bin/uv pip compile -q --no-annotate --no-emit-index-url --only-binary :all: \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28 --custom-compile-command "make pin"
DIGESTS := $(PIN) --generate-hashes -c constraints.txt
pin: venv  ## Pin dependencies anew: constraints.txt, and the images' requirements with digests
	@$(PIN) --no-header --extra dev pyproject.toml -o constraints.txt
	@$(DIGESTS) --extra operator pyproject.toml -o images/requirements/operator.txt
	@$(DIGESTS) --extra serving pyproject.toml -o images/requirements/serving.txt
	@$(DIGESTS) --extra training pyproject.toml -o images/requirements/trainer.txt
	@echo pip | $(DIGESTS) - -o images/requirements/pip.txt

verify: venv lint types  ## Lint, types, import layers, generated files
	$(PY) -m perennial.api.crd --check
	$(PY) -m perennial.api.crd --check charts/perennial/files/crds
	$(VENV)/bin/lint-imports

lint: venv  ## ruff
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: venv  ## mypy --strict
	$(VENV)/bin/mypy operator/perennial artifact/perennial_artifact artifact/perennial_statistics training/perennial_training serving/perennial_serving images

# A file at a time, for what its tests share starts once; tests/conftest.py has their order.
test-unit: venv  ## Pure functions, the trainer and the server, no cluster
	$(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder tests/unit

test-quick: venv binaries  ## Unit and API tests at once
	@$(MAKE) -j 2 --output-sync --no-print-directory test-unit test-api

test-api: venv binaries  ## A real API server and etcd
	$(PY) -m pytest -q tests/api

# What of the real node has a target of its own.
APART := $(addprefix --ignore=tests/cluster/,disruptions upgrade gateway)

# As many processes as tests/cluster/conftest.py has lanes: most of the time they wait.
test-cluster: venv  ## The loop and the two cases on a real node
	$(PY) -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder tests/cluster $(APART)

test-disruptions: venv  ## What happens to clusters, in the middle of a canary under load (20 min)
	$(PY) -m pytest -q -rs tests/cluster/disruptions

test-upgrade: venv  ## From each base's operator and images to today's, on a real node under load (15 min)
	$(PY) -m pytest -q tests/cluster/upgrade

test-gateway: venv  ## Requests divided by Envoy Gateway, on a real node under load (15 min)
	$(PY) -m pytest -q tests/cluster/gateway

test-images: venv  ## What is in the images, and that they start; root and buildah, no cluster
	$(PY) -m pytest -q tests/images

test-peers: venv  ## The clients that other servers ship with, on ours
	$(PY) -m pytest -q tests/peers

# Once for each release; AGAIN=1 replaces what was frozen, as long as nothing has been released.
freeze-base: venv binaries  ## Keep this version's state and answers: what upgrades are held against (3 min)
	PYTHONPATH=$$PYTHONPATH:$(CHECKOUT)/tests/api:$(CHECKOUT)/tests/cluster $(PY) -m upgrade.freeze $(if $(AGAIN),--again)

test-thorough: export PERENNIAL_THOROUGH = 1
test-thorough: venv binaries  ## Unit and API tests with four times the examples of each property (15 min)
	@$(MAKE) -j 2 --output-sync --no-print-directory test-unit test-api

test: verify binaries  ## Everything, from nothing to green
	@$(MAKE) --no-print-directory test-quick
	@$(MAKE) --no-print-directory test-cluster
	@$(MAKE) --no-print-directory test-images test-peers

demo: cluster-up  ## The whole loop, from nothing, left running to explore
	@export KUBECTL=$$($(LOCALCLUSTER).binaries kubectl) HELM=$$($(LOCALCLUSTER).binaries helm); \
	export KUBECONFIG=$(CHECKOUT)/.cluster/kubeconfig; \
	$(PY) -m flights.demo --values .cluster/images.yaml

fraud: cluster-up  ## A year of payments on the cluster while fraud changes its ways: noticed, retrained, recovered (5 min)
	@export KUBECTL=$$($(LOCALCLUSTER).binaries kubectl) HELM=$$($(LOCALCLUSTER).binaries helm); \
	export KUBECONFIG=$(CHECKOUT)/.cluster/kubeconfig; \
	OMP_NUM_THREADS=1 $(PY) -m fraud.demo --values .cluster/images.yaml --picture .cluster/fraud.svg $(FRAUD)

shop: cluster-up  ## A shop's models compete for rewards, a bad one is taken back, the catalogue moves on (4 to 5 min)
	@export KUBECTL=$$($(LOCALCLUSTER).binaries kubectl) HELM=$$($(LOCALCLUSTER).binaries helm); \
	export KUBECONFIG=$(CHECKOUT)/.cluster/kubeconfig; \
	$(PY) -m shop.demo --values .cluster/images.yaml --picture .cluster/shop.svg

fraud-years: venv  ## The same without a cluster: what is asked of every seed (SEEDS="7 1 2"; 4 min a seed)
	@OMP_NUM_THREADS=1 $(PY) -m fraud.compare --seeds $(or $(SEEDS),7)

# PERENNIAL_MATRIX="iris titanic Ridge" runs these tables and algorithms only, and writes nothing.
matrix: venv  ## Real tables times every algorithm, over the wire, into docs/matrix.md (20 min)
	@OMP_NUM_THREADS=1 PYTHONPATH=$$PYTHONPATH:$(BENCHMARK) $(PY) -m matrix

BENCHMARK := $(CHECKOUT)/tests/unit/serving

benchmark-serving: venv  ## Our server beside MLServer, KServe's, FastAPI by hand, a bare loop; overload, two workers (8 to 25 min)
	@command -v h2load > /dev/null || { echo "Install h2load (Debian: nghttp2-client)" >&2; exit 1; }
	PYTHONPATH=$$PYTHONPATH:$(BENCHMARK) $(PY) -m benchmarks.serving
	PYTHONPATH=$$PYTHONPATH:$(BENCHMARK) $(PY) -m benchmarks.receipts

benchmark-receipts: venv  ## The CPU time of a request with receipts over that of one without; also of benchmark-serving (4 min)
	@command -v h2load > /dev/null || { echo "Install h2load (Debian: nghttp2-client)" >&2; exit 1; }
	PYTHONPATH=$$PYTHONPATH:$(BENCHMARK) $(PY) -m benchmarks.receipts

benchmark-http: venv  ## HTTP and gRPC servers, JSON codecs, threads: the candidates (5 to 10 min)
	@command -v h2load > /dev/null || { echo "Install h2load (Debian: nghttp2-client)" >&2; exit 1; }
	PYTHONPATH=$$PYTHONPATH:$(BENCHMARK) $(PY) -m benchmarks.frontends

fuzz: export PERENNIAL_THOROUGH = 1
fuzz: venv  ## Both transports and the protocol with what a client should not send (3 min)
	$(PY) -m pytest -q -n 2 tests/unit/serving/test_fuzz.py tests/unit/serving/test_http1_heads.py \
	  tests/unit/serving/test_http2_fuzz.py tests/unit/serving/test_codec.py

soak: export PERENNIAL_SOAK = 1
soak: venv  ## Memory over 10,000 connections, 400 large refusals of each kind, 6,000 shapes (5 min)
	$(PY) -m pytest -q tests/unit/serving/test_memory.py

attack: venv  ## Attacks beside an honest client, on loopback: ours, uvicorn, granian (5 min)
	PYTHONPATH=$$PYTHONPATH:$(CHECKOUT):$(BENCHMARK) $(PY) -m benchmarks.attack

benchmark-sketch: venv  ## What counting a row for drift costs (half a minute)
	$(PY) -m benchmarks.sketch

benchmark-power: venv  ## How soon a worse canary is found, beside a fixed threshold, into docs/verdicts.md (a minute)
	PYTHONPATH=$$PYTHONPATH:$(CHECKOUT):$(CHECKOUT)/tests $(PY) -m benchmarks.power

# THOROUGH=1 also draws clean windows until their false alarms are known (half an hour).
benchmark-drift: venv  ## The drift rule beside Evidently and NannyML: values, power, delay, into docs/verdicts.md (8 min; THOROUGH=1)
	@OMP_NUM_THREADS=1 PYTHONPATH=$$PYTHONPATH:$(CHECKOUT) $(PY) -m benchmarks.drift $(if $(THOROUGH),--thorough)

# After make gateway, TRAFFIC=gateway asks through Envoy.
benchmark-rollout: venv  ## How long a bad canary is in front of users, on the cluster that make demo left (12 min)
	PYTHONPATH=$$PYTHONPATH:$(CHECKOUT)/tests/cluster $(PY) -m benchmarks.rollout

benchmark-losses: venv  ## Requests lost through promotions and rollbacks, of 100,000, on the cluster that make demo left (10 min)
	PYTHONPATH=$$PYTHONPATH:$(CHECKOUT)/tests/cluster $(PY) -m benchmarks.rollout_losses

benchmark-operator: venv binaries  ## The operator beside plain Deployments, with nodes that only say so (OBJECTS=100, CASES="start rest …": CASES=--help lists them)
	PYTHONPATH=$$PYTHONPATH:$(CHECKOUT)/tests/api $(PY) -m benchmarks.control --objects $(or $(OBJECTS),100) $(CASES)
