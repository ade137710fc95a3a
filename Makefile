# Everything that people and CI do here. `make help` lists it; the work itself is in tests/cluster and in the playbooks.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CACHE := $(or $(TODO_CLOUD_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/todo-cloud)
export PATH := $(CACHE)/venv/bin:$(CACHE)/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE  # else every run of Ansible compiles the collection anew
export TODO_CLOUD_STARTED := $(or $(TODO_CLOUD_STARTED),$(shell date +%s))

CLUSTER := python3 -m tests.cluster
SITE := ansible-playbook site.yml -i inventories/local
# Lines that are wider than the terminal go on below their second column, which begins after so many characters.
define WRAP
awk -v width="$$([ -t 2 ] && TERM=$${TERM:-dumb} tput cols || echo 10000)" -v hang=$(1) '{ while (length($$0) > width) \
{ for (cut = width; cut > hang && substr($$0, cut, 1) != " "; cut--); if (cut <= hang) break; \
print substr($$0, 1, cut - 1); $$0 = sprintf("%" hang "s", "") substr($$0, cut + 1) } print }'
endef

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {gsub(/\$$\$$/, "$$", $$2); printf "  make %-23s %s\n", $$1, $$2}' $(MAKEFILE_LIST) | $(call WRAP,31)

##@ The app on a cluster of this machine
.PHONY: up
up: ## start the local cluster, deploy the Todo app to it, say where it answers (MONITORING=1: with metrics, alerts and logs)
	@$(CLUSTER) build --https$(if $(MONITORING), --monitoring)
	@$(CLUSTER) up --https$(if $(MONITORING), --monitoring)
	@$(SITE)
	@$(CLUSTER) guide

.PHONY: down
down: ## remove what `make up` made
	@$(CLUSTER) down --purge

.PHONY: status
status: ## say which clusters there are and what runs in the local one
	@$(CLUSTER) status
	@if $(CLUSTER) kubeconfig >/dev/null 2>&1; then ansible-playbook playbooks/status.yml -i inventories/local; fi

.PHONY: env
env: ## print what a shell needs for the local cluster, so that kubectl, helm and ansible-playbook are found: eval "$$(make env)"
	@$(CLUSTER) env

.PHONY: kubeconfig
kubeconfig: ## print the path of the local cluster's kubeconfig
	@$(CLUSTER) kubeconfig

.PHONY: load-image
load-image: ## give the local cluster images of `docker save NAME:TAG` (ARCHIVE=web.tar)
	@$(CLUSTER) load-image $(or $(ARCHIVE),$(error name the archive: make load-image ARCHIVE=web.tar))

.PHONY: build
build: ## build the local cluster's parts and all images; what is there already stays
	@$(CLUSTER) build

.PHONY: engine
engine: venv ## start a container engine for kind on a Debian 12 that has none, and build kind's node image
	@$(CLUSTER) engine start

.PHONY: engine-down
engine-down: ## stop that engine with all its containers; its images stay
	@$(CLUSTER) engine stop

.PHONY: venv
venv: ## make the Python environment of development and tests
	@$(CLUSTER) venv

.PHONY: playbooks
playbooks: ## list what there is to run, with a sentence each
	@echo "ansible-playbook playbooks/NAME.yml -i inventories/ENVIRONMENT (without a checkout: todo.cloud.NAME)"
	@sed -n 's,^| \[\([a-z_]*\)\](../playbooks/[^)]*) | \(.*\) |$$,\1|\2,p' docs/reference.md | \
	awk -F'|' '{ gsub("&lt;", "<"); printf "  %-25s %s\n", $$1, $$2 }' | $(call WRAP,28)

##@ Tests
.PHONY: test
test: venv ## all tests, on a cluster of their own that is removed at the end (PART=lint|unit|e2e|integration|molecule: one)
	@python3 -m tests.stages $(PART)

.PHONY: unit
unit: ## the same as make test PART=unit
	@$(MAKE) test PART=$@

.PHONY: integration
integration: ## the same as make test PART=integration
	@$(MAKE) test PART=$@

.PHONY: e2e
e2e: ## the same as make test PART=e2e (LOCAL_CLUSTER=kind: on kind)
	@$(MAKE) test PART=$@

.PHONY: parts
parts: venv ## build what the tests need of the local cluster; what is there already stays
	@$(CLUSTER) build --tests test

.PHONY: on-cluster
on-cluster: ## integration and end-to-end tests on the cluster that TODO_CLOUD_TEST_KUBECONFIG names (PART=... one part)
	@python3 -m tests.stages --here $(PART)

.PHONY: molecule
molecule: venv ## molecule's scenarios on a cluster of their own (SCENARIO="default failure" PROVIDER=kind|local)
	@python3 -m tests.molecule $(if $(PROVIDER),--provider $(PROVIDER)) $(SCENARIO)

##@ Longer proofs, each on a cluster of its own
.PHONY: rollouts
rollouts: ## 320 rollouts generated at random, not those of the tests (TODO_CLOUD_SEED=... repeats)
	@$(CLUSTER) build --tests rollouts
	@seed=$${TODO_CLOUD_SEED:-$$(date +%s)}; echo "TODO_CLOUD_SEED=$$seed"; \
	TODO_CLOUD_SEED=$$seed TODO_CLOUD_ROLLOUTS=$${TODO_CLOUD_ROLLOUTS:-320} \
	$(CLUSTER) with rollouts -- pytest tests/integration/rollouts

BENCH := $(or $(PIECES),single verdicts traffic releases site users)
.PHONY: bench
bench: ## measure beside other tools, on a cluster of its own: tables, and JSON in the cache (PIECES="single releases")
	@$(CLUSTER) build --bench $(if $(filter users,$(BENCH)),--edge) bench
	@$(if $(filter-out users,$(BENCH)),$(CLUSTER) with --kwok-nodes 3 bench -- python3 -m tests.bench $(filter-out users,$(BENCH)))
	@$(if $(filter users,$(BENCH)),$(CLUSTER) with --https --policies bench -- python3 -m tests.bench users)

.PHONY: chaos
chaos: ## kill or pause site.yml and rollback.yml at random moments (RUNS=200 SEED=... KIND=pause|tree|controller|stop|signal)
	@$(CLUSTER) build --tests chaos
	@$(CLUSTER) with chaos -- env PYTHONPATH=collections:. python3 -m tests.chaos --points $(or $(RUNS),$(POINTS),200) $(if $(SEED),--seed $(SEED)) $(if $(KIND),--kind $(KIND))

.PHONY: faults
faults: build ## break what a healthy set needs, part by part, before, amid and after an upgrade: a table (PART=broker MOMENT=before)
	@TODO_CLOUD_CLUSTER=faults $(CLUSTER) with --provider local faults -- bash -c '$(SITE) && PYTHONPATH=collections:. \
	python3 -m tests.faults $(if $(PART),--part $(PART)) $(if $(MOMENT),--moment $(MOMENT))'

.PHONY: rotation
rotation: build ## renew Dapr's certificates, the broker's password and a generated secret under load (about 8 minutes)
	@$(CLUSTER) with --provider local rotation -- env PYTHONPATH=collections:. pytest -q -s tests/rotation

.PHONY: outages
outages: build ## broker and database away while the app runs, at and amid a deployment; pods killed one by one (about 8 minutes)
	@$(CLUSTER) with --provider local outages -- env PYTHONPATH=collections:. pytest -q -s tests/outages

.PHONY: shapes
shapes: build ## what teams run in twelve shapes: each deployed, changed, broken and rolled back: a table (SHAPES="web api"; needs npm)
	@$(CLUSTER) with --provider local shapes -- env PYTHONPATH=collections:. python3 -m tests.shapes $(SHAPES)

.PHONY: edge
edge: venv ## HTTPS with Traefik, cert-manager and an ACME server, on a cluster of its own (builds them at first)
	@$(CLUSTER) build --edge edge
	@$(CLUSTER) with --https --provider local edge -- env PYTHONPATH=collections:. pytest -q -s tests/edge

.PHONY: backup-drill
backup-drill: build ## back up a cluster, lose it, restore to another one, compare the data: seconds of each step
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	TODO_CLOUD_CLUSTER=drill-a $(CLUSTER) with --provider local drill-a -- env PYTHONPATH=collections:. python3 -m tests.drill back-up "$$folder"; \
	TODO_CLOUD_CLUSTER=drill-b $(CLUSTER) with --provider local drill-b -- env PYTHONPATH=collections:. python3 -m tests.drill restore "$$folder"

.PHONY: policies
policies: build ## the table of allowed connections, by traffic between all pods, on a cluster that enforces network policies
	@$(CLUSTER) build --edge policies
	@TODO_CLOUD_CLUSTER=policies $(CLUSTER) with --policies --provider local policies -- bash -c '$(SITE) && \
	PYTHONPATH=collections:. pytest -q -s tests/policies'

.PHONY: autoscaling
autoscaling: build ## more load, less load, the most pods, a full node and no metrics, with the real metrics server (10 to 15 minutes)
	@$(CLUSTER) build --tests autoscaling
	@TODO_CLOUD_CLUSTER=autoscaling $(CLUSTER) with --metrics-server --provider local autoscaling -- env PYTHONPATH=collections:. \
	pytest -q -s -x tests/autoscaling

.PHONY: monitoring
monitoring: build ## metrics, alerts, logs, the bake on a cluster of its own: what is seen, fires, arrives, goes back (15 minutes; RUNS=20 bakes)
	@$(CLUSTER) build --https --monitoring monitoring
	@TODO_CLOUD_CLUSTER=monitoring $(CLUSTER) with --https --monitoring --provider local monitoring -- env PYTHONPATH=collections:. \
	TODO_CLOUD_BAKES=$(RUNS) pytest -q -s -x tests/monitoring

.PHONY: matrix
matrix: build ## oldest and newest Ansible, Python, Helm, libraries and Kubernetes, and the version before: each deploys and goes back (BEFORE=REVISION)
	@$(CLUSTER) build --kubernetes-oldest matrix
	@TODO_CLOUD_CLUSTER=matrix $(CLUSTER) with --provider local matrix -- env PYTHONPATH=collections:. pytest -q -s -rs tests/matrix
	@TODO_CLOUD_CLUSTER=matrix $(CLUSTER) with --oldest --provider local matrix -- env PYTHONPATH=collections:. \
	pytest -q -s -rs -k 'core-2.19.4 or 3.18.0' tests/matrix

.PHONY: execution-environment
execution-environment: build ## build the image of examples/execution-environment, deploy and roll back by it (5 minutes; debootstrap and buildah)
	@TODO_CLOUD_CLUSTER=ee $(CLUSTER) with --provider local ee -- env PYTHONPATH=collections:. pytest -q -s tests/execution_environment

.PHONY: dapr-upgrade
dapr-upgrade: build ## Dapr up a minor version under load, whole and killed midway, on clusters of their own (builds the old one at first)
	@$(CLUSTER) build --dapr-before dapr-upgrade
	@for part in whole killed; do TODO_CLOUD_CLUSTER=dapr-upgrade $(CLUSTER) with --provider local dapr-upgrade -- \
	env PYTHONPATH=collections:. pytest -q -s -k $$part tests/upgrade; done

.PHONY: doks
doks: build ## from an empty account of DigitalOcean (its stand-in) to the app, asleep, awake, deleted, on a cluster of its own (5 minutes)
	@TODO_CLOUD_CLUSTER=doks $(CLUSTER) with --provider local doks -- env PYTHONPATH=collections:. pytest -q -s tests/doks/test_doks.py

.PHONY: doks-resize
doks-resize: build ## a pool of DigitalOcean's (the stand-in) gets larger nodes under load, on two real nodes (4 minutes)
	@TODO_CLOUD_CLUSTER=doks-resize $(CLUSTER) with --provider local doks-resize -- env PYTHONPATH=collections:. \
	pytest -q -s tests/doks/test_resize.py

.PHONY: clients
clients: venv ## the stand-in of DigitalOcean by others' clients and generated requests; our module killed 20 times (SEED=... KILLS=...)
	@PYTHONPATH=collections:. $(if $(SEED),TODO_CLOUD_SEED=$(SEED)) $(if $(KILLS),TODO_CLOUD_KILLS=$(KILLS)) pytest -q -s tests/clients

.PHONY: fuzz
fuzz: venv ## damaged and hostile input, 2,000 of each kind (INPUTS=... TARGET="record lease" SEED=... repeats)
	@PYTHONPATH=collections:. python3 -m tests.fuzz $(TARGET) $(if $(INPUTS),--inputs $(INPUTS)) $(if $(SEED),--seed $(SEED))

.PHONY: peers
peers: venv ## compare with other projects' test suites (PEERS=DIR: programs that do)
	@python3 -m tests.outside peers $(PEERS)

.PHONY: cases
cases: venv ## run small cases that deploy to the cluster of $$KUBECONFIG (CASES=DIR: folders with a run.sh)
	@python3 -m tests.outside cases $(CASES)

.PHONY: upstream-charts
upstream-charts: venv ## what the platform's roles give to charts of others, by these charts: unknown keys (FROM=DIR has them unpacked)
	@PYTHONPATH=collections:. python3 -m tests.upstream_charts $(FROM)

.PHONY: bundle
bundle: build ## a verified app goes to a second environment by one signed file, to an empty registry, on a cluster of its own (5 minutes)
	@TODO_CLOUD_CLUSTER=bundle $(CLUSTER) with --provider local bundle -- env PYTHONPATH=collections:. pytest -q -s -x tests/bundle

.PHONY: pipeline
pipeline: build ## a merge and tags, from the push to staging and production: act, buildah, a cluster of its own (20 to 25 minutes; cosign and grype are built once)
	@TODO_CLOUD_CLUSTER=pipeline $(CLUSTER) with --provider local pipeline -- env PYTHONPATH=collections:. pytest -q -s -x tests/pipeline

##@ Checks, releases and documentation
.PHONY: lint
lint: venv ## ruff, mypy, shellcheck, ansible-lint, ansible-test sanity, zizmor and actionlint
	@ruff check .
	@ruff format --check .
	@mypy
	@git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck
	@python3 -m tests.workflows
	@python3 -m tests.lint --offline
	@python3 tests/sanity.py

.PHONY: release
release: venv ## check that a tag fits version, changelog and charts, and build the collection (TAG=v1.2.3)
	@python3 -m tests.release "$(TAG)"

.PHONY: docs
docs: venv ## build the documentation as a site in the cache, check its links, and open it in Chromium (a minute)
	@PYTHONPATH=collections:. python3 -m tests.site $(CACHE)/docs --look

.PHONY: sanity-all
sanity-all: venv ## ansible-test sanity with the newest ansible-cores, beside that of make lint (CORE=2.21.5: one; minutes each)
	@PYTHONPATH=collections:. python3 -m tests.cores $(CORE)

.PHONY: importer
importer: venv ## build the collection and import it as Galaxy does: no warning (2 minutes)
	@PYTHONPATH=collections:. python3 -m tests.importer

.PHONY: interface
interface: venv ## record the public names of this version, with which the next ones are compared (docs/compatibility.md)
	@PYTHONPATH=collections:. python3 -m tests.interface

.PHONY: new-service
new-service: ## write the entry of one more service (NAME=search ENTRY='{port: 3000}' INVENTORY=shop/inventories/local)
	@ansible-playbook playbooks/new_service.yml -i $(or $(INVENTORY),inventories/local) -e '{service: "$(NAME)", entry: $(or $(ENTRY),{})}'

.PHONY: screenshots
screenshots: venv ## make the pictures of docs/images anew, in Debian's Chromium
	@PYTHONPATH=collections:. python3 -m tests.screenshots

.PHONY: schemas
schemas: ## write what is made of documentation: docs/schemas, docs/services.md, docs/reference.md, the roles' READMEs
	@python3 -m tests.schemas
	@python3 -m tests.services_page
	@python3 -m tests.reference

.PHONY: clean
clean: ## remove all clusters and everything that was built
	@$(CLUSTER) clean
