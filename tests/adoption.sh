#!/usr/bin/env bash
# What an application pays for depending on Waygate, against the same application without it.
#   tests/adoption.sh          counts the crates, and fails above the bounds
#   tests/adoption.sh --build  also measures the processor time of a clean build of each (debug profile)
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
apps=$(mktemp -d)
trap 'rm -rf "$apps"' EXIT

# app NAME WAYGATE-DEPENDENCY
app() {
    mkdir -p "$apps/$1/src"
    cat >"$apps/$1/Cargo.toml" <<END
[package]
name = "app"
version = "0.0.0"
edition = "2024"
[workspace]
[dependencies]
axum = "0.8"
tokio = { version = "1", features = ["full"] }
utoipa = "6"
utoipa-axum = "0.3"
$2
END
    echo 'fn main() {}' >"$apps/$1/src/main.rs"
    cp Cargo.lock "$apps/$1" # the versions of the workspace
}
app without ''
app default "waygate = { package = \"waygate-rs\", path = \"$root/waygate\" }"
app full "waygate = { package = \"waygate-rs\", path = \"$root/waygate\", features = [\"full\"] }"

# crates NAME BOUND
crates() {
    local count
    count=$(cd "$apps/$1" && cargo tree -q -e normal,build --prefix none --no-dedupe | sed 's/ (.*//' | sort -u | wc -l)
    echo "$1: $count crates"
    if [ "$count" -gt "$2" ]; then
        echo "error: more than $2 crates; see docs/decisions/0028-dependencies.md" >&2
        return 1
    fi
}
crates without 1000
crates default 85
crates full 156

if [ "${1:-}" = --build ]; then
    for name in without default full; do
        (
            cd "$apps/$name"
            cargo fetch -q
            TIMEFORMAT="$name: %U s of processor time (user)"
            time cargo build -q --target-dir target
        )
        rm -rf "$apps/$name/target"
    done
fi
