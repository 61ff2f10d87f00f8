#!/usr/bin/env bash
# The right kernels on CPUs that have less than this one, and never an instruction that they lack: PROGRAM (isa_probe) is
# run on emulated CPUs, which stop it at such an instruction. qemu-user emulates AVX2 and no AVX-512.
#
#   tools/check_isa.sh PROGRAM
set -euo pipefail

program=${1:?usage: tools/check_isa.sh PROGRAM}
if [ "$(uname -m)" != x86_64 ]; then
  echo "not an x86-64 machine: its kernels need no choice of instruction sets"
  exit 0
fi
passed=0 failed=0

verdict() {  # verdict NAME OUTPUT EXPECTED-LINE...
  local name=$1 output=$2 line
  shift 2
  for line in "$@"; do
    if ! grep -qxF -- "$line" <<<"$output"; then
      printf '%s: expected the line "%s", got:\n%s\n' "$name" "$line" "$output"
      failed=$((failed + 1))
      return
    fi
  done
  echo "$name: $(sed -n 's/^\(sm[23]: [^ ]*\).*/\1/p' <<<"$output" | paste -sd ' ')"
  passed=$((passed + 1))
}

root=$("$program" | grep '^root: ')

emulated() {  # emulated CPU EXPECTED-LINE...
  local cpu=$1
  shift
  verdict "$cpu" "$(qemu-x86_64 -cpu "$cpu" "$program" 2>&1 || echo "exit status $?")" "$root" "$@"
}

emulated Nehalem 'cpu: ' 'sm3: portable of portable' 'sm2: portable of portable'
emulated SandyBridge 'cpu: ' 'sm3: portable of portable' 'sm2: portable of portable'
emulated Haswell 'cpu: bmi2 avx2' 'sm3: avx2 of avx2,portable' 'sm2: portable of portable'
emulated Broadwell 'cpu: bmi2 adx avx2' 'sm3: avx2 of avx2,portable' 'sm2: adx of adx,portable'
# The system does not save the wide registers: CPUID still offers AVX2.
emulated Broadwell,-xsave 'cpu: bmi2 adx' 'sm3: portable of portable' 'sm2: adx of adx,portable'

# An instruction of AVX2 has to stop the small CPU, or the runs above have shown nothing.
if ACCEL_ISA_PROBE_FORCE=1 qemu-x86_64 -cpu Nehalem "$program" >/dev/null 2>&1; then
  echo "control: an instruction of AVX2 ran on an emulated Nehalem; this check is blind"
  failed=$((failed + 1))
else
  echo "control: an instruction of AVX2 stopped the emulated Nehalem, as it must"
  passed=$((passed + 1))
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
