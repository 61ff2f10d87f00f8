#!/usr/bin/env bash
# Brings a Debian 12 machine to where `make` targets run: system packages, then a virtual environment in .venv.
#
#   tools/setup.sh demo     what `make demo` needs: compiler, build tools, Python, openssl
#   tools/setup.sh test     also GoogleTest, libcrypto's headers, pkg-config, the tools that check the tree
#   tools/setup.sh ci       also valgrind, clang (libFuzzer), abidiff, ccache, the aarch64 cross compiler and
#                           qemu-user, Icarus Verilog, Verilator, Chromium
#
# Nothing that is there already is installed again, and apt-get is not touched when nothing is missing. Without root
# and without passwordless sudo, the missing packages are named in one line and the script fails.
#
# The level `docs` is `demo` with what builds the documentation; `ci` has that, too.
set -euo pipefail
cd "$(dirname "$0")/.."

level=${1:?usage: tools/setup.sh demo|docs|test|ci}
venv=.venv

has() { command -v "$1" >/dev/null 2>&1; }
header() { echo "#include <$1>" | g++ -E -x c++ - >/dev/null 2>&1; }

# The first Python that is new enough and runs; best one that also has headers and can make virtual environments.
complete_python() {
  "$1" - 2>/dev/null <<'PY'
import ensurepip, os, sys, sysconfig, venv
header = os.path.join(sysconfig.get_path("include"), "Python.h")
sys.exit(not (sys.version_info >= (3, 11) and os.path.exists(header)))
PY
}
new_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
choose_python() {
  local test candidate
  for test in complete_python new_python; do
    for candidate in ${PYTHON:-} python3 /usr/bin/python3 python3.11 python3.12 python3.13; do
      if has "$candidate" && "$test" "$candidate"; then
        echo "$candidate"
        return
      fi
    done
  done
}

missing_packages() {
  has g++ || echo g++
  has gcc || echo gcc
  has make || echo make
  has openssl || echo openssl
  { has cmake && cmake_is_new_enough; } || echo cmake
  has ninja || echo ninja-build
  header toml++/toml.h || echo libtomlplusplus-dev
  local python
  python=$(choose_python)
  if [ -z "$python" ]; then
    echo python3
  fi
  if [ -z "$python" ] || ! complete_python "$python"; then
    echo python3-venv
    echo python3-dev
  fi
  case $level in demo | docs) return ;; esac
  header gtest/gtest.h || echo libgtest-dev
  header openssl/evp.h || echo libssl-dev
  has pkg-config || echo pkg-config
  [ "$level" = test ] && return
  has valgrind && header valgrind/memcheck.h || echo valgrind
  has clang++ || echo clang
  has_libfuzzer || echo libclang-rt-14-dev
  has aarch64-linux-gnu-g++ || echo g++-aarch64-linux-gnu
  has qemu-aarch64 || echo qemu-user
  [ -e /usr/src/googletest/CMakeLists.txt ] || echo googletest
  has abidiff || echo abigail-tools
  has ccache || echo ccache
  has iverilog || echo iverilog
  has chromium || echo chromium
  has chromedriver || echo chromium-driver
  [ -n "$(find /usr/share/fonts -name '*.[ot]tf' -print -quit 2>/dev/null)" ] || echo fonts-dejavu-core
}
has_libfuzzer() { has clang++ && [ -e "$(clang++ -print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ]; }
cmake_is_new_enough() { [ "$(printf '3.25\n%s\n' "$(cmake --version | sed -n 's/^cmake version //p')" | sort -V | head -1)" = 3.25 ]; }

install_system_packages() {
  local packages
  mapfile -t packages < <(missing_packages)
  [ ${#packages[@]} -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    if has sudo && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      # cmake and ninja can come from PyPI instead.
      mapfile -t packages < <(printf '%s\n' "${packages[@]}" | grep -vxE 'cmake|ninja-build' || :)
      [ ${#packages[@]} -gt 0 ] || return 0
      echo "setup: missing system packages; please run: sudo apt-get install ${packages[*]}" >&2
      exit 1
    fi
  fi
  if ! has apt-get; then
    echo "setup: no apt-get here; please install what Debian calls: ${packages[*]}" >&2
    exit 1
  fi
  echo "setup: installing ${packages[*]}"
  "${as_root[@]}" apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null
}

make_virtual_environment() {
  local python
  python=$(choose_python)
  if [ -z "$python" ]; then
    echo "setup: Python 3.11 or newer is needed, and none was found (set PYTHON=/path/to/python3)" >&2
    exit 1
  fi
  [ -x $venv/bin/python ] && $venv/bin/python -c 'import pip' 2>/dev/null || "$python" -m venv --clear $venv
}

pip_install() { $venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }

# Importing from an editable install runs cmake and ninja again, so they and the other build requirements live in .venv
# (or on the system), not in pip's throw-away build environment.
install_accel() {
  local extras
  case $level in
    demo) extras=all ;;
    docs) extras=all,docs ;;
    test) extras=all,dev ;;
    ci) extras=all,dev,docs,rtl ;;
  esac
  local build=("scikit-build-core>=1.0" "pybind11>=3.0" "cython>=3.1" "cython-cmake>=0.3")
  { has cmake && cmake_is_new_enough; } || build+=(cmake)
  has ninja || build+=(ninja)
  export PATH="$PWD/$venv/bin:$PATH"
  pip_install "${build[@]}"
  pip_install --no-build-isolation --editable ".[$extras]"
}

install_system_packages
export CC=${CC-cc} CXX=${CXX-c++}  # these four as in the Makefile
if has ccache; then
  export CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER-ccache}
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
fi
make_virtual_environment
install_accel
# A higher level holds the lower ones.
case $level in
  ci) touch $venv/.demo $venv/.docs $venv/.test $venv/.ci ;;
  test) touch $venv/.demo $venv/.test ;;
  docs) touch $venv/.demo $venv/.docs ;;
  demo) touch $venv/.demo ;;
esac
