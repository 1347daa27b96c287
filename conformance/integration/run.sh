#!/bin/sh
# Runs upstream's integration tests one by one: run.sh DIRECTORY OUTPUT PACKAGE [TEST...]
# DIRECTORY is what prepare.ts made, PACKAGE is such as k8s.io/kubernetes/test/integration/auth. In OUTPUT: the test's program, a log
# of each test and of each server, and results with a line for each test. CANOPUS_SERVER is the server, KUBE_INTEGRATION_ETCD_URL an
# etcd that runs, SECONDS_EACH the time of a test (60).
set -eu
directory=$(realpath "$1") output=$2 package=$3
shift 3
module=kubernetes
case $package in k8s.io/apiextensions-apiserver/*) module=apiextensions ;; esac
mkdir -p "$output/logs" && output=$(realpath "$output")
name=$(echo "${package#k8s.io/}" | sed 's|kubernetes/test/integration/||; s|/|_|g')
# Some tests say what their program is called.
program=$output/$name.dir/$(basename "$package").test
sources=$(cd "$directory/$module" && go list -mod=mod -f '{{.Dir}}' "$package")
if [ ! -x "$program" ]; then
  (cd "$directory/$module" && go test -c -p "${JOBS:-2}" -vet=off -mod=mod -ldflags='-s -w' -overlay overlay.json -o "$program" "$package")
fi
export CANOPUS_LOGS="$output/logs"
cd "$sources"
[ $# -gt 0 ] || set -- $("$program" -test.list 'Test.*' | grep '^Test')
for test; do
  log=$output/logs/$name.$(echo "$test" | tr / _).txt
  begun=$(date +%s)
  status=0
  timeout -k 20 $((${SECONDS_EACH:-60} + 20)) "$program" -test.v -test.timeout "${SECONDS_EACH:-60}s" -test.run "^$(echo "$test" | sed 's|/|$/^|g')\$" >"$log" 2>&1 || status=$?
  if grep -q "^--- SKIP: $test " "$log"; then verdict=skip
  elif grep -q "^--- PASS: $test " "$log"; then verdict=pass
  elif grep -q 'test timed out after' "$log"; then verdict=time
  else verdict=FAIL
  fi
  echo "$verdict $name $test $(($(date +%s) - begun))s" | tee -a "$output/results"
done
