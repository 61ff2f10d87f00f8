#!/usr/bin/env bash
# Runs each libFuzzer target of DIRECTORY for SECONDS. Seeds: csrc/fuzz/corpus/NAME (read only); what is found grows
# in DIRECTORY/corpus, inputs that break something are written to DIRECTORY/findings.
#
#   tools/run_fuzzers.sh DIRECTORY SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."

directory=${1:?usage: tools/run_fuzzers.sh DIRECTORY SECONDS}
seconds=${2:?usage: tools/run_fuzzers.sh DIRECTORY SECONDS}
passed=0 failed=0

for program in "$directory"/fuzz_*; do
  [ -f "$program" ] && [ -x "$program" ] || continue
  name=$(basename "$program")
  grown=$directory/corpus/$name
  seeds=csrc/fuzz/corpus/${name#fuzz_}
  mkdir -p "$grown" "$directory/findings"
  folders=("$grown")
  [ -d "$seeds" ] && folders+=("$seeds")
  if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$directory/findings/$name-" "${folders[@]}" >"$program.log" 2>&1; then
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$program.log") inputs, nothing found"
    passed=$((passed + 1))
  else
    tail -n 60 "$program.log"
    echo "$name: failed; input in $directory/findings"
    failed=$((failed + 1))
  fi
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
