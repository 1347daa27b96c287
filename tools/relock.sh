#!/bin/sh
# Makes package-lock.json anew from the manifests alone, in an empty folder: a lock made beside an existing node_modules
# leaves out what other platforms need.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$root" && tar -cf - .npmrc package.json packages/*/package.json) | tar -C "$scratch" -xf -
(cd "$scratch" && npm install --package-lock-only --ignore-scripts --no-fund --no-audit)
cp "$scratch/package-lock.json" "$root/package-lock.json"
