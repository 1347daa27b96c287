#!/bin/sh
# Runs a TypeScript tool on the pinned Node, installing the workspace first where that has not happened yet.
# POSIX sh only: this is what a fresh machine with any Node and npm starts.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
case "$(uname -m)" in
  x86_64 | amd64) platform=linux-x64 ;;
  aarch64 | arm64) platform=linux-arm64 ;;
  *) platform=none ;;
esac
pinned="$root/node_modules/node-$platform/bin/node"
stamp="$root/node_modules/.package-lock.json"
due() { [ ! -e "$stamp" ] || [ "$root/package-lock.json" -nt "$stamp" ]; }
if due; then
  # One at a time, also after a command that was killed while its npm went on: it holds the lock until it ends.
  mkdir -p "$root/.cache"
  exec 9>"$root/.cache/install.lock"
  command -v flock >/dev/null && flock 9
  if due; then
    echo "Installing npm packages ..." >&2
    rm -f "$stamp" # npm writes it last: what is broken off is done again
    (cd "$root" && npm ci --ignore-scripts --no-fund --no-audit --no-update-notifier --loglevel=error >&2)
    touch "$stamp"
  fi
  exec 9>&-
fi
# A small Debian lacks a library that this Node is linked with.
if [ -x "$pinned" ] && ! "$pinned" --version >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing libatomic1 ..." >&2
    libatomic() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libatomic1 >/dev/null 2>&1; }
    libatomic || { apt-get update >/dev/null 2>&1 && libatomic; } || true
  fi
  if ! reason=$("$pinned" --version 2>&1); then
    echo "error: the pinned Node does not run: $reason" >&2
    echo "Install what is missing and run the command again; on Debian as root: apt-get install libatomic1" >&2
    exit 1
  fi
fi
node=$pinned
[ -x "$node" ] || node=$(command -v node)
PATH="$(dirname "$node"):$root/node_modules/.bin:$root/node_modules/@biomejs/cli-$platform:$PATH"
export PATH
script=$1
shift
exec "$node" --disable-warning=ExperimentalWarning "$root/$script" "$@"
