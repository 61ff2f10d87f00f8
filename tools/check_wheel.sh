#!/usr/bin/env bash
# Builds the wheel, repairs it for manylinux, installs it into an environment of its own with nothing but numpy, and
# tries it there, away from the source tree: from Python, and from C and C++ programs that link its library. The
# repaired wheel stands in dist/.
set -euo pipefail
cd "$(dirname "$0")/.."

policy="manylinux_2_36_$(uname -m)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rm -rf dist build/wheel-*
python -m build --wheel --no-isolation --outdir "$work/raw" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
auditwheel repair --plat "$policy" --wheel-dir dist "$work"/raw/*.whl
wheel=$(echo dist/*.whl)

python -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel"
cp tools/smoke.py "$work/smoke.py"
(cd "$work" && venv/bin/python -W error smoke.py)
libdir=$(cd "$work" && venv/bin/python -m accel.config --libdir)
python tools/check_symbols.py build/wheel-* csrc/include/accel/accel.h "$libdir/libaccel.so"
tools/check_package.sh python "$work/venv/bin/python"
echo "$wheel"
