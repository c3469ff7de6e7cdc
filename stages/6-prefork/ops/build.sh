#!/bin/sh
# Fills a folder with all that herd needs to run, and nothing else: build.sh FOLDER
# The program is linked statically, C library included, so that it runs in an empty root.
set -eu
image=$1
cd "$(dirname "$0")/../../.."
# With a target named, the flags are for the program and not for what builds it (Cargo book, "Build configuration").
target=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="-C target-feature=+crt-static" \
    cargo build --release --locked --package stage6-prefork --bin herd --target "$target"
mkdir -p "$image/bin" "$image/srv"
cp "${CARGO_TARGET_DIR:-target}/$target/release/herd" "$image/bin/herd"
cp -r stages/6-prefork/www "$image/srv/www"
