# The menu. Every target is one line; what it does is in cartctl, in a test, or in tools/.
.DEFAULT_GOAL := help
# Always built as part of the whole: cargo settles features over what it builds together, and cartctl alone would be another set.
CARTCTL := $(or $(CARGO_TARGET_DIR),target)/debug/cartctl
.PHONY: help setup build local dev test test-shop test-live lint bench load synth deploy delete clean \
  frontend-serve frontend-build screenshots

help: ## Show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 18

setup: .venv/run.stamp ## Install the pinned Python tools into .venv

build: ## Compile everything, once, for this machine
	cargo build --workspace --bins --locked

local: setup build frontend/node_modules/stamp ## Run the whole shop on http://localhost:8080: no AWS account, no Docker
	@$(CARTCTL) local

dev: setup build frontend/node_modules/stamp ## The same, reloading the site and replacing the functions when they are edited
	@$(CARTCTL) local --dev

test: .venv/test.stamp .venv/checkov.stamp frontend/node_modules/browser.stamp ## Run everything CI runs
	tools/test

test-shop: setup build frontend/node_modules/browser.stamp ## Check the shop, and its journeys in a real browser
	npm --prefix frontend run check
	npm --prefix frontend run e2e

test-live: setup build ## Deploy to, and delete from, the AWS account in CARTCTL_LIVE_ACCOUNT
	cargo test --workspace --locked --test live

synth: build ## Write the CloudFormation templates to target/synth
	@$(CARTCTL) synth

deploy: setup build ## Deploy to AWS
	@$(CARTCTL) deploy

delete: build ## Delete from AWS
	@$(CARTCTL) delete

bench: .venv/test.stamp ## Measure speed and memory (docs/measurements.md)
	tools/bench

load: setup build ## Two minutes of mixed traffic on a local shop; the sums have to agree
	cargo test --quiet --workspace --locked --test load

frontend-serve: frontend/node_modules/stamp ## Serve the shop on http://localhost:8080 for what is deployed to AWS
	npm --prefix frontend run dev

frontend-build: frontend/node_modules/stamp ## Build the shop for what is deployed to AWS, into frontend/dist
	npm --prefix frontend run build

screenshots: setup build frontend/node_modules/browser.stamp ## Retake the pictures that the shop is compared with
	npm --prefix frontend run screenshots

clean: ## Remove everything that can be made again
	rm -rf target .venv .cartctl frontend/node_modules frontend/dist frontend/test-results

.venv/run.stamp: tools/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --require-hashes --requirement $<
	touch $@

.venv/test.stamp: tools/requirements-test.txt .venv/run.stamp
	.venv/bin/pip install --quiet --require-hashes --requirement $<
	touch $@

# An environment of its own: it wants other versions of what cfn-lint and the AWS tools use.
.venv/checkov.stamp: tools/requirements-checkov.txt .venv/run.stamp
	python3 -m venv .venv/checkov
	.venv/checkov/bin/pip install --quiet --require-hashes --requirement $<
	touch $@

frontend/node_modules/stamp: frontend/package-lock.json
	npm --prefix frontend ci --ignore-scripts --no-audit --no-fund
	touch $@

frontend/node_modules/browser.stamp: tools/browser frontend/node_modules/stamp
	tools/browser
	touch $@
