#!/usr/bin/env bash
# The ABI that accel.h describes beside the committed one, csrc/capi/accel.abi (libabigail). Additions are named and
# allowed; whatever else differs fails: it needs the next ACCEL_ABI_VERSION and a new baseline (HACKING.md, "The ABI").
#
#   tools/check_abi.sh check
#   tools/check_abi.sh write     make what is there the baseline
#
# The header is compiled with a body for each function. That the library has these functions and no others is the
# question of `make symbols`; that it has them with these parameters is the compiler's, which knows no overloads in C.
set -euo pipefail
action=${1:?usage: tools/check_abi.sh check|write}
cd "$(dirname "$0")/.."
baseline=csrc/capi/accel.abi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/accel"
sed -z 's/\nACCEL_API[^;]*)/& { __builtin_trap(); }/g' csrc/include/accel/accel.h >"$work/accel/accel.h"
echo '#include "accel/accel.h"' >"$work/abi.c"
# All types, because enums are passed as uint32_t; nothing that differs between machines.
(
  cd "$work"
  gcc -std=c11 -g -fno-eliminate-unused-debug-types -fPIC -shared abi.c -o abi.so
  abidw --load-all-types --no-corpus-path --no-comp-dir-path --no-show-locs --no-architecture \
    --no-elf-needed --out-file accel.abi abi.so
)

case $action in
  write)
    cp "$work/accel.abi" $baseline
    echo "check_abi: wrote $baseline"
    ;;
  check)
    compare() { abidiff --non-reachable-types --leaf-changes-only "$@" $baseline "$work/accel.abi"; }
    if ! compare --no-added-syms >"$work/changes"; then
      cat "$work/changes"
      echo 'check_abi: the ABI has changed: see HACKING.md, "The ABI"' >&2
      exit 1
    fi
    compare --harmless || : # additions are no failure
    echo "check_abi: nothing has changed but what stands above"
    ;;
  *)
    echo "check_abi: $action: expected check or write" >&2
    exit 2
    ;;
esac
