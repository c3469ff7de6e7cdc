#!/usr/bin/env bash
# Runs once, when Gradescope builds its image from the archive that `cargo lab gradescope` writes.
set -euo pipefail
source=${AUTOGRADER:-/autograder}/source
# Where the users that submissions run as can read the compiler.
export RUSTUP_HOME=${RUSTUP_HOME:-/opt/rustup} CARGO_HOME=${CARGO_HOME:-/opt/cargo} PATH="$PATH:/opt/cargo/bin"
if ! command -v cargo >/dev/null; then
    apt-get update
    apt-get install -y --no-install-recommends build-essential curl ca-certificates util-linux xz-utils
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --component clippy,rustfmt
fi
# The containers allow no namespaces. Nobody but root reads the course and the staff's tests, and so no submission does.
chmod 700 "$source"
cd "$source/course"
# Everything is fetched and built now, so that grading needs no network and little time. Grading nothing builds our own
# parts and the end-to-end tests, which every later run finds built.
cargo fetch --locked
nothing=$(mktemp -d)
"$source/run_autograder" "$nothing"
# Or else a run that fails would hand out this result.
rm -r "${AUTOGRADER:-/autograder}/results/results.json" "$nothing"
