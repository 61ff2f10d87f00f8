"""Check what the linker sees of the library.

1. libaccel.so exports the functions that accel.h declares, and nothing else, under the symbol version ACCEL_<ABI>; its
   name is libaccel.so.<ABI>, or libaccel.so inside the Python package. That goes for the library of the build and for
   each further one, say of a wheel.
2. libaccel.a defines nothing that could meet a name of the program that it is linked into: accel_* for C, the namespace
   accel for C++.
3. A file compiled for instructions beyond the baseline defines nothing that the linker could pick for code that runs on
   every CPU: no weak code, which is what inline functions and templates become.

Usage: check_symbols.py BUILD_DIRECTORY HEADER [LIBRARY...]
"""

import json
import re
import subprocess
import sys
from pathlib import Path


def symbols(path: Path, *options: str) -> list[tuple[str, str]]:
    """(kind, name) of each defined symbol, kinds as `nm` prints them."""
    command = ["nm", "--defined-only", "--format=posix", *options, str(path)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [(kind, name) for name, kind, *_ in (line.split() for line in lines if not line.endswith(":"))]


def declared_functions(header: Path) -> tuple[set[str], str]:
    """Names of the functions declared with ACCEL_API, and the ABI's version."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    abi = re.search(r"^#define ACCEL_ABI_VERSION (\d+)u$", text, flags=re.MULTILINE)
    assert abi, f"{header} does not define ACCEL_ABI_VERSION"
    return set(re.findall(r"ACCEL_API\s[^;(]*?\b(accel_\w+)\s*\(", text)), abi[1]


def check_shared(library: Path, declared: set[str], abi: str) -> list[str]:
    """Deviations of one libaccel.so."""
    exported = {name for kind, name in symbols(library, "--dynamic") if kind != "A"}
    wanted = {f"{name}@@ACCEL_{abi}" for name in declared}
    dynamic = subprocess.run(["readelf", "-d", str(library)], check=True, capture_output=True, text=True).stdout
    soname = re.search(r"SONAME.*\[(.*)\]", dynamic)
    problems = []
    if not soname or soname[1] not in {"libaccel.so", f"libaccel.so.{abi}"}:
        problems.append(f"{library}: its name is {soname[1] if soname else 'missing'}")
    problems += [f"{library}: {name} is declared and not exported" for name in sorted(wanted - exported)]
    return problems + [f"{library}: {name} is exported and not declared" for name in sorted(exported - wanted)]


def check_static(library: Path) -> list[str]:
    """Names that libaccel.a should not define; weak ones (W, V, u) are those of the C++ library's templates."""
    names = {name for kind, name in symbols(library, "--extern-only") if kind in "TDBRC"}
    ours = re.compile(r"accel_|_Z[A-Z]*5accel")
    return [f"{library}: defines {name}" for name in sorted(names) if not ours.match(name)]


def kernel_objects(build: Path) -> list[Path]:
    """Objects compiled with instruction-set flags of their own."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    outputs = [(entry["directory"], re.search(r" -m[a-z].* -o (\S+)", entry["command"])) for entry in commands]
    return [Path(directory, output[1]) for directory, output in outputs if output]


def main(build: Path, header: Path, *further: Path) -> int:
    """Print each deviation; 0 if there is none."""
    declared, abi = declared_functions(header)
    kernels = kernel_objects(build)
    libraries = [build / "csrc/libaccel.so", *further]
    problems = [problem for library in libraries for problem in check_shared(library, declared, abi)]
    problems += check_static(build / "csrc/libaccel.a")
    problems += [f"{path.name}: weak code {name}" for path in kernels for kind, name in symbols(path) if kind == "W"]
    print(*problems, sep="\n", end="\n" if problems else "")
    names = ", ".join(path.name for path in kernels)
    print(f"{len(declared)} functions of ABI {abi}, {len(libraries)} libraries; {names}")
    return int(bool(problems) or not declared)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
