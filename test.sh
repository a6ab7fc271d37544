#!/usr/bin/env bash
# Everything that must hold before a change lands. Installs what the tests need on a fresh machine.
#   ./test.sh         the whole run
#   ./test.sh --full  the same, with the faults of Redis over HTTP at length, which wants a machine of its own and hours:
#                     50 rounds each, freezes of 30 s, 2000 requests a second
set -euo pipefail
cd "$(dirname "$0")"
case "${1:-}" in
    "") ;;
    --full) export WAYGATE_TEST_FULL=1 ;;
    *)
        echo "usage: ./test.sh [--full]" >&2
        exit 2
        ;;
esac
# Without debug information the build takes half of the disk. A panic still names its file and line.
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}" CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=none

# step NAME: begins a step. The seconds that each took are listed at the end.
steps=() step='' begun=0
step() {
    end_step
    step=$* begun=$SECONDS
    printf '\n== %s\n' "$step"
}
end_step() {
    if [ -n "$step" ]; then
        steps+=("$(printf '%6d s  %s' $((SECONDS - begun)) "$step")")
        printf '%s\n' "${steps[-1]}"
    fi
    step=''
}
list_steps() {
    end_step
    printf '\n'
    printf '%s\n' "${steps[@]}" "$(printf '%6d s  in total' "$SECONDS")"
}
trap list_steps EXIT
missing() { ! command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

step "Tools"
if missing cargo; then
    echo "error: cargo is missing; install Rust with rustup (https://rustup.rs)" >&2
    exit 1
fi
if missing python3 || ! python3 -c 'import venv, ensurepip' 2>/dev/null || missing node || missing npm ||
    missing chromium || missing strace || missing unshare || missing redis-server || missing openssl || missing promtool; then
    if missing apt-get; then
        echo "error: please install python3 (with venv), node, npm, chromium, strace, unshare, redis-server, openssl and promtool" >&2
        exit 1
    fi
    as_root apt-get update -q
    as_root apt-get install -q -y --no-install-recommends python3 python3-venv chromium strace util-linux \
        redis-server openssl prometheus
    # Node.js of another source has npm, and conflicts with that of the distribution.
    if missing npm; then as_root apt-get install -q -y --no-install-recommends nodejs npm; fi
fi
VENV="${WAYGATE_TEST_VENV:-target/python-cli}"
if ! "$VENV/bin/waygate" --help >/dev/null 2>&1; then
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install -q 'waygate[cli,flags]==0.2.0' aiofiles # the released `cli` extra lacks the other two
fi
export WAYGATE_TEST_PYTHON_CLI="$PWD/$VENV/bin/waygate"
SCHEMATHESIS=target/schemathesis-4.32.5
if ! "$SCHEMATHESIS/bin/schemathesis" --version >/dev/null 2>&1; then
    python3 -m venv "$SCHEMATHESIS"
    "$SCHEMATHESIS/bin/pip" install -q schemathesis==4.32.5
fi
export WAYGATE_TEST_SCHEMATHESIS="$PWD/$SCHEMATHESIS/bin/schemathesis"
# OpenFeature clients, in exactly the versions of their lock files.
CLIENTS=target/ofrep-clients
LOCKS=tests/data/ofrep
if ! cmp -s "$LOCKS/package-lock.json" "$CLIENTS/package-lock.json" ||
    ! cmp -s "$LOCKS/requirements.txt" "$CLIENTS/requirements.txt"; then
    rm -rf "$CLIENTS"
    mkdir -p "$CLIENTS"
    cp "$LOCKS/package.json" "$LOCKS/package-lock.json" "$CLIENTS"
    npm ci --prefix "$CLIENTS" --no-audit --no-fund --ignore-scripts --loglevel=error
    python3 -m venv "$CLIENTS/python"
    "$CLIENTS/python/bin/pip" install -q --no-deps -r "$LOCKS/requirements.txt"
    # Last, so that a run that fails before is repeated.
    cp "$LOCKS/requirements.txt" "$CLIENTS"
fi
export WAYGATE_TEST_OFREP_NODE_MODULES="$PWD/$CLIENTS/node_modules" WAYGATE_TEST_OFREP_PYTHON="$PWD/$CLIENTS/python/bin/python"
if missing cargo-deny && ! cargo install -q --locked cargo-deny@0.20.2; then # four minutes on two cores, once
    echo "warning: cargo-deny cannot be installed: licences, bans, sources and advisories are NOT CHECKED" >&2
fi

step "Formatting"
cargo fmt --all --check
cargo fmt --manifest-path tests/cryptography/Cargo.toml --check
cargo fmt --manifest-path fuzz/Cargo.toml --check

step "Clippy"
cargo clippy --workspace --all-targets --all-features -- -D warnings

step "The engine stands without axum"
if cargo tree -q -p waygate-rs --no-default-features --features engine -e normal | grep -w axum; then
    echo "error: axum is in the graph of the feature \`engine\`" >&2
    exit 1
fi

step "What a dependency costs"
tests/adoption.sh

step "Alerts and dashboard"
promtool test rules docs/monitoring/alerts_test.yaml
# Prometheus reads the expressions of the dashboard as those of rules.
python3 - > target/dashboard-rules.json <<'PYTHON'
import json

panels = json.load(open("docs/monitoring/grafana.json"))["panels"]
expressions = [target["expr"] for panel in panels for target in panel["targets"]]
rules = [
    {"record": f"dashboard:{at}", "expr": expression.replace("$__rate_interval", "5m")}
    for at, expression in enumerate(expressions)
]
print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
PYTHON
promtool check rules target/dashboard-rules.json

step "Features, one by one"
for feature in engine macros axum openapi swagger-ui admin flags metrics otel webhooks webhooks-ed25519 webhooks-ring ofrep openfeature file file-yaml file-toml redis tls-ring tzdb-bundled testing; do
    # A feature without code only passes features on to crates that are checked with them.
    grep -rqF "feature = \"$feature\"" waygate/src || continue
    echo "waygate-rs --features $feature"
    cargo clippy -q -p waygate-rs --no-default-features --features "$feature" -- -D warnings
done
for feature in memory file file-yaml file-toml redis tls-ring conformance; do
    echo "waygate-backends --features $feature"
    cargo clippy -q -p waygate-backends --no-default-features --features "$feature" -- -D warnings
done
cargo clippy -q -p waygate-core --no-default-features -- -D warnings
cargo clippy -q -p waygate-core --no-default-features --features flags -- -D warnings
for feature in "" tokio tracing; do
    echo "waygate-openfeature --features '$feature'"
    cargo clippy -q -p waygate-openfeature --no-default-features --features "$feature" -- -D warnings
done
cargo clippy -q -p waygate-openfeature-provider -- -D warnings
# The tests run these examples with the features of the workspace.
for example in flags observed openfeature quickstart rate-limits; do
    echo "$example"
    cargo check -q -p "$example"
done

step "Tests"
if cargo nextest --version >/dev/null 2>&1; then
    # nextest gives each test a process of its own, and a Redis Cluster takes two seconds to begin: that suite shares one.
    loads='binary(redis) & test(/^faults::/)'
    common='not binary(redis_state) or test(/^replicas::/)'
    if [ -n "${WAYGATE_TEST_FULL:-}" ]; then
        # At 2000 requests a second, code that is not optimized would be what is measured.
        cargo nextest run --release -p waygate-rs --all-features -E "$loads"
        common="($common) and not ($loads)"
    fi
    cargo nextest run --workspace --all-features -E "$common"
    # The binary that nextest has built: with a selection of its own, cargo would build much of it again.
    redis_state=$(cargo nextest list --workspace --all-features --list-type binaries-only --message-format json |
        python3 -c 'import json, sys
print(json.load(sys.stdin)["rust-binaries"]["waygate-backends::redis_state"]["binary-path"])')
    (cd waygate-backends && "$redis_state" -q --skip replicas::)
else
    cargo test --workspace --all-features --lib --bins --tests
fi

step "An application with its own cryptography"
for provider in ring aws-lc-rs webpki-roots; do
    if cargo tree -q -p waygate-rs --no-default-features --features full -e normal | grep -w "$provider v"; then
        echo "error: $provider is in the graph of the feature \`full\`" >&2
        exit 1
    fi
done
cp Cargo.lock tests/cryptography # the versions of the workspace
cargo test -q --manifest-path tests/cryptography/Cargo.toml --target-dir target --tests

step "The fuzz targets compile"
cp Cargo.lock fuzz # the versions of the workspace
cargo check -q --manifest-path fuzz/Cargo.toml --target-dir target --no-default-features

step "Doctests"
cargo test --workspace --all-features --doc

step "Documentation"
RUSTDOCFLAGS="-Dwarnings" cargo doc -q --workspace --all-features --no-deps

if ! missing cargo-deny; then
    step "Licences, bans and sources"
    cargo deny check licenses bans sources
    step "Advisories"
    if cargo deny fetch db; then
        cargo deny check advisories
    else
        echo "warning: the advisory database cannot be fetched: advisories are NOT CHECKED" >&2
    fi
fi

end_step
printf '\nAll passed\n'
