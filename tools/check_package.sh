#!/usr/bin/env bash
# Can C and C++ programs use an installed accel? Builds tests/consumer through pkg-config and through CMake, with the
# shared and with the static library, and runs what was built.
#
#   tools/check_package.sh prefix DIRECTORY    what `cmake --install --prefix DIRECTORY` left
#   tools/check_package.sh python PYTHON       the package that this interpreter imports; also through accel.config
set -euo pipefail
sources=$(cd "$(dirname "$0")/../tests/consumer" && pwd)
kind=${1:?usage: tools/check_package.sh prefix DIRECTORY | python PYTHON} where=${2:?missing DIRECTORY or PYTHON}
case $where in /*) ;; *) where=$PWD/$where ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" # away from the source tree

case $kind in
  prefix)
    export PKG_CONFIG_PATH
    PKG_CONFIG_PATH=$(dirname "$(find "$where" -name accel.pc)")
    cmake_options=(-DCMAKE_PREFIX_PATH="$where")
    # What a compiler gets told of a prefix, a loader does not know.
    shared_run=(env LD_LIBRARY_PATH="$(dirname "$PKG_CONFIG_PATH")")
    ;;
  python)
    export PKG_CONFIG_PATH
    PKG_CONFIG_PATH=$("$where" -m accel.config --pkgconfigdir)
    cmake_options=(-Daccel_DIR="$("$where" -m accel.config --cmakedir)")
    shared_run=(env -u LD_LIBRARY_PATH) # it finds its library by itself
    ;;
  *)
    echo "check_package: $kind: expected prefix or python" >&2
    exit 2
    ;;
esac

built=0
# expect_ok WHAT COMMAND...
expect_ok() {
  local what=$1 answer
  shift
  answer=$("$@") || { echo "check_package: $what failed" >&2; exit 1; }
  [ "$answer" = ok ] || { echo "check_package: $what said: $answer" >&2; exit 1; }
  built=$((built + 1))
}
needs_shared() { readelf -d "$1" | grep -q 'NEEDED.*libaccel'; }
# build WHAT SHARED|STATIC COMPILER... -- OPTIONS...: compiles and runs both languages
build() {
  local what=$1 linkage=$2 run=()
  shift 2
  gcc -std=c11 -Wall -Wextra -Werror "$sources/consumer.c" "$@" -o program_c
  g++ -std=c++11 -Wall -Wextra -Werror "$sources/consumer.cpp" "$@" -o program_cpp
  for program in program_c program_cpp; do
    [ "$linkage" = static ] || run=("${shared_run[@]}")
    if needs_shared "$program"; then found=shared; else found=static; fi
    [ "$found" = "$linkage" ] || { echo "check_package: $what: $program is linked $found" >&2; exit 1; }
    expect_ok "$what, $program" "${run[@]}" "./$program"
  done
}

read -ra flags < <(pkg-config --cflags --libs accel)
build "pkg-config accel" shared "${flags[@]}"
read -ra flags < <(pkg-config --cflags --libs accel-static)
build "pkg-config accel-static" static "${flags[@]}"
read -ra flags < <(pkg-config --static --cflags --libs accel)
build "pkg-config --static accel" static -static "${flags[@]}"

if [ "$kind" = python ]; then
  mapfile -t flags < <("$where" -m accel.config --cflags --libs | xargs -n 1)
  build "accel.config" shared "${flags[@]}"
  mapfile -t flags < <("$where" -m accel.config --cflags --libs --static | xargs -n 1)
  build "accel.config --static" static "${flags[@]}"
fi

version=$(pkg-config --modversion accel)
for languages in "C" "C;CXX"; do
  rm -rf build
  cmake -S "$sources" -B build -DCONSUMER_LANGUAGES="$languages" -DCONSUMER_VERSION="${version%.*}" \
    "${cmake_options[@]}" --log-level=WARNING >/dev/null
  cmake --build build >/dev/null
  for program in build/shared_* build/static_*; do
    expect_ok "find_package for $languages, $program" env -u LD_LIBRARY_PATH "$program"
  done
done
# A version that is not there is refused when a consumer is configured.
if cmake -S "$sources" -B refused -DCONSUMER_LANGUAGES=C -DCONSUMER_VERSION=999.0 "${cmake_options[@]}" >refused.log 2>&1; then
  echo "check_package: find_package(accel 999.0) found $version" >&2
  exit 1
fi
grep -q "999.0" refused.log

echo "check_package: $built programs, C and C++, shared and static, use accel $version of $where"
