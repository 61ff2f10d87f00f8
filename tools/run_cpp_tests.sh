#!/usr/bin/env bash
# A GoogleTest program as several processes side by side, each with a share of the tests.
#
#   tools/run_cpp_tests.sh SHARDS PROGRAM [ARGUMENT...]
#
# Fails if one of them does. What they print appears one after the other, and before it what is left out: the tests that
# a filter names, and the sources that PROGRAM was built without.
set -euo pipefail

shards=${1:?usage: tools/run_cpp_tests.sh SHARDS PROGRAM [ARGUMENT...]}
shift
for argument; do
  case $argument in --gtest_filter=-*) echo "left out by name: ${argument#--gtest_filter=-}" ;; esac
  [ ! -s "$argument.left_out" ] || echo "left out of this build: $(cat "$argument.left_out")"
done

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

processes=()
for ((shard = 0; shard < shards; ++shard)); do
  GTEST_TOTAL_SHARDS=$shards GTEST_SHARD_INDEX=$shard "$@" >"$directory/$shard" 2>&1 &
  processes+=($!)
done

status=0
for shard in "${!processes[@]}"; do
  wait "${processes[$shard]}" || status=$?
  cat "$directory/$shard"
done
exit "$status"
