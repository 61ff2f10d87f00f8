"""Check what the linker sees of the library.

1. libaccel.so exports the functions that accel.h declares, and nothing else.
2. A kernel compiled for instructions beyond the baseline defines nothing that the linker could pick for code that runs
   on other CPUs: no weak (inline, template) symbols.

Usage: check_symbols.py LIBRARY HEADER [KERNEL_OBJECT...]
"""

import re
import subprocess
import sys
from pathlib import Path


def symbols(path: str, *options: str) -> list[tuple[str, str]]:
    """(kind, name) of each defined symbol, kinds as `nm` prints them."""
    lines = subprocess.run(["nm", "--defined-only", *options, path], check=True, capture_output=True, text=True).stdout
    return [(kind, name) for _, kind, name in (line.split() for line in lines.splitlines() if line.count(" ") == 2)]


def declared_functions(header: str) -> set[str]:
    """Names of the functions declared with ACCEL_API."""
    text = re.sub(r"/\*.*?\*/", "", Path(header).read_text(encoding="utf-8"), flags=re.DOTALL)
    return set(re.findall(r"ACCEL_API\s[^;(]*?\b(accel_\w+)\s*\(", text))


def main(library: str, header: str, *kernels: str) -> int:
    """Print each deviation; the number of them is the exit code."""
    declared = declared_functions(header)
    exported = {name.partition("@")[0] for kind, name in symbols(library, "--dynamic") if kind != "A"}
    problems = [f"{library}: {name} is declared and not exported" for name in sorted(declared - exported)]
    problems += [f"{library}: {name} is exported and not declared" for name in sorted(exported - declared)]
    for kernel in kernels:
        problems += [f"{kernel}: weak symbol {name}" for kind, name in symbols(kernel, "-C") if kind in "WVuvw"]
    print(*problems, sep="\n", end="\n" if problems else "")
    counts = f"{len(declared)} functions declared, {len(exported)} exported, {len(kernels)} kernels looked at"
    print(f"{counts}, {len(problems)} problems")
    return min(len(problems) + (not declared), 100)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
