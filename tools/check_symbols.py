"""Check what the linker sees of the library.

1. libaccel.so exports the functions that accel.h declares, and nothing else.
2. A file compiled for instructions beyond the baseline defines nothing that the linker could pick for code that runs on
   every CPU: no weak code, which is what inline functions and templates become.

Usage: check_symbols.py BUILD_DIRECTORY HEADER
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
    return [(kind, name) for name, kind, *_ in map(str.split, lines)]


def declared_functions(header: Path) -> set[str]:
    """Names of the functions declared with ACCEL_API."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    return set(re.findall(r"ACCEL_API\s[^;(]*?\b(accel_\w+)\s*\(", text))


def kernel_objects(build: Path) -> list[Path]:
    """Objects compiled with instruction-set flags of their own."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    outputs = [(entry["directory"], re.search(r" -m[a-z].* -o (\S+)", entry["command"])) for entry in commands]
    return [Path(directory, output[1]) for directory, output in outputs if output]


def main(build: Path, header: Path) -> int:
    """Print each deviation; 0 if there is none."""
    declared = declared_functions(header)
    exported = {
        name.partition("@")[0] for kind, name in symbols(build / "csrc/libaccel.so", "--dynamic") if kind != "A"
    }
    kernels = kernel_objects(build)
    problems = [f"{name} is declared and not exported" for name in sorted(declared - exported)]
    problems += [f"{name} is exported and not declared" for name in sorted(exported - declared)]
    problems += [f"{path.name}: weak code {name}" for path in kernels for kind, name in symbols(path) if kind == "W"]
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{len(declared)} functions declared, {len(exported)} exported; {', '.join(path.name for path in kernels)}")
    return int(bool(problems) or not declared)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
