# The menu. Every target is one line; what it does is in cartctl, in a test, or in tools/.
.DEFAULT_GOAL := help
# Always built as part of the whole: cargo settles features over what it builds together, and cartctl alone would be another set.
CARTCTL := $(or $(CARGO_TARGET_DIR),target)/debug/cartctl
.PHONY: help setup build local test test-live lint bench load synth deploy delete clean

help: ## Show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

setup: .venv/run.stamp ## Install the pinned Python tools into .venv

build: ## Compile everything, once, for this machine
	cargo build --workspace --bins --locked

local: setup build ## Run the whole backend on this machine: no AWS account, no Docker
	@$(CARTCTL) local

test: .venv/test.stamp ## Run everything CI runs
	tools/test

test-live: setup build ## Deploy to, and delete from, the AWS account in CARTCTL_LIVE_ACCOUNT
	cargo test --workspace --locked --test live

synth: build ## Write the CloudFormation templates to target/synth
	@$(CARTCTL) synth

deploy: setup build ## Deploy to AWS
	@$(CARTCTL) deploy

delete: build ## Delete from AWS
	@$(CARTCTL) delete

bench: .venv/test.stamp ## Measure what the README says about speed
	tools/bench

load: setup build ## Two minutes of mixed traffic on a local shop; the sums have to agree
	cargo test --quiet --workspace --locked --test load

clean: ## Remove everything that can be made again
	rm -rf target .venv .cartctl

.venv/run.stamp: tools/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --require-hashes --requirement $<
	touch $@

.venv/test.stamp: tools/requirements-test.txt .venv/run.stamp
	.venv/bin/pip install --quiet --require-hashes --requirement $<
	touch $@
