# What a newcomer types. Everything that is installed or built lands in a cache outside of the checkout (see tests/testbed/programs).

SHELL := bash
export MIG_TESTBED_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mig-testbed
# A clean clone finds the dependencies built already.
export CARGO_TARGET_DIR ?= $(MIG_TESTBED_CACHE)/target

.PHONY: help build release test lint demo demo-stop demo-article demo-article-stop demo-aws demo-aws-stop bench update-goldens rust

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

build: rust ## the release binary
	cargo build --release --locked

release: rust ## the binary for runners and for old systems: glibc 2.28 (RHEL 8) and later
	release/build

test: rust ## everything the tests need, from nothing, then all tests
	tests/testbed/test --locked

lint: rust ## formatting and clippy, warnings denied
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

demo: rust ## a real MySQL and a real TiDB on loopback, and a shop moved from one to the other
	examples/quickstart/demo

demo-stop: ## ends the demo's servers and removes what they held
	examples/quickstart/demo stop

demo-article: rust ## the article's own programs, Dumpling and TiDB Lightning, then mig's engine over the same rows
	examples/article/demo/run

demo-article-stop: ## ends what an interrupted demo-article left
	examples/article/demo/run stop

demo-aws: rust ## the way from Aurora in a VPC to TiDB Cloud, on stand-ins of both; needs root
	examples/aurora-to-tidb-cloud/demo/run

demo-aws-stop: ## ends what an interrupted demo-aws left
	examples/aurora-to-tidb-cloud/demo/run stop

bench: build ## the measurements of docs/benchmarks.md
	benches/run

update-goldens: rust ## writes the golden plans and schemas anew: look at the diff
	MIG_UPDATE_GOLDENS=1 cargo test --no-default-features --locked golden

rust:
	@command -v cargo >/dev/null || { \
	  echo "cargo is missing: install Rust by rustup (rust-toolchain.toml says which version it then takes)" >&2; exit 1; }
