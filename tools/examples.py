"""Build and run the programs under examples/node against an installed libaccel, on a block with damaged rows.

Each program must find what the block records (exit code 0), say so when it does not (1: a signature, a status or the
root is not the recorded one) and when it cannot run (2; also with a library of another ABI), and all must say the same.
Languages whose toolchain is not there are named and left out:
python tools/examples.py PREFIX [--languages c,cpp,go,rust] [--build DIR] [--jobs N].
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NODE = ROOT / "examples" / "node"
ROWS, SIGNERS, MESSAGE_SIZE, DAMAGED = 5000, 64, 256, 24  # every kind of damage twice


class ExampleError(Exception):
    """An example does not build, or does not do what it must."""


@dataclass(frozen=True)
class Place:
    """Where things are: the library's prefix and pkg-config's directory in it, the build directory, parallel jobs."""

    prefix: Path
    pkgconfig: Path
    build: Path
    jobs: int

    def environment(self, **more: str) -> dict[str, str]:
        """What the compilers find the library by; nothing is downloaded."""
        ours = {"PKG_CONFIG_PATH": str(self.pkgconfig), "GOPROXY": "off", "GOTOOLCHAIN": "local"}
        return os.environ | ours | more


@dataclass(frozen=True)
class Language:
    """One example: what it needs, and what builds (and tests) it and returns the program."""

    name: str
    tools: tuple[str, ...]
    build: Callable[[Place], Path]

    def missing(self) -> list[str]:
        """Return the tools that are not there."""
        return [tool for tool in self.tools if shutil.which(tool) is None]


def run(command: Sequence[str | Path], **options: Any) -> None:
    """Run a command of a toolchain; its output is shown when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise ExampleError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def build_c(place: Place) -> Path:
    """By make."""
    out = place.build / "c"
    run(["make", "-s", "-B", "-C", NODE / "c", f"BUILD={out}"], env=place.environment())
    return out / "verify_block"


def build_cpp(place: Place) -> Path:
    """By CMake, which finds accelConfig.cmake."""
    out = place.build / "cpp"
    run(["cmake", "-S", NODE / "cpp", "-B", out, f"-DCMAKE_PREFIX_PATH={place.prefix}"])
    run(["cmake", "--build", out, "-j", str(place.jobs)])
    return out / "verify_block"


def build_go(place: Place) -> Path:
    """By go build, after its tests."""
    libdir = place.pkgconfig.parent
    environment = place.environment(CGO_ENABLED="1", CGO_LDFLAGS=f"-Wl,-rpath,{libdir}")
    options: dict[str, Any] = {"cwd": NODE / "go", "env": environment}
    program = place.build / "go" / "verifyblock"
    for command in (["go", "vet", "./..."], ["go", "test", "./..."], ["go", "build", "-o", program, "."]):
        run(command, **options)
    return program


def build_rust(place: Place) -> Path:
    """By cargo, after its tests."""
    target = place.build / "rust"
    options: dict[str, Any] = {"cwd": NODE / "rust", "env": place.environment(CARGO_TARGET_DIR=str(target))}
    for step in ("test", "build"):
        run(["cargo", step, "--quiet", "--release", "--offline", "--locked", "--jobs", str(place.jobs)], **options)
    return target / "release" / "verify-block"


LANGUAGES = (
    Language("c", ("cc", "make", "pkg-config"), build_c),
    Language("cpp", ("c++", "cmake"), build_cpp),
    Language("go", ("go", "gcc", "pkg-config"), build_go),
    Language("rust", ("cargo", "cc", "pkg-config"), build_rust),
)


@dataclass(frozen=True)
class Answer:
    """What a program said about a block."""

    code: int
    out: str
    errors: str


def ask(program: Path, *arguments: str | Path, **environment: str) -> Answer:
    """Run a program; one that crashes or hangs is a failure."""
    done = subprocess.run(
        [program, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode not in (0, 1, 2):
        raise ExampleError(f"{program}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return Answer(done.returncode, done.stdout, done.stderr)


def accel(*arguments: str | Path) -> dict[str, Any]:
    """Run the command `accel` for its JSON."""
    command = [sys.executable, "-m", "accel.cli", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        raise ExampleError(f"accel {arguments[0]}: exit code {done.returncode}\n{done.stderr}")
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def make_blocks(directory: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """Make a block, what must be found in it, and copies that must not be found as recorded, or not be read."""
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    block = directory / "block"
    numbers = ("--count", str(ROWS), "--signers", str(SIGNERS), "--message-size", str(MESSAGE_SIZE))
    made = accel("make-block", "--raw", block, *numbers, "--damaged", str(DAMAGED))
    verified = accel("verify", block)
    bad = [{"row": entry["row"], "status": entry["status"]} for entry in made["damaged"]]
    if verified["bad"] != bad or not verified["root_as_recorded"]:
        raise ExampleError("accel verify does not find what accel make-block did")
    first_good = next(row for row in range(ROWS) if row not in {entry["row"] for entry in bad})
    copies = {
        "signature": ("signatures.bin", 64 * first_good + 40),
        "message": ("messages.bin", MESSAGE_SIZE * first_good),
        "status": ("statuses.bin", bad[0]["row"]),
        "root": ("root.bin", 31),
        "offsets": ("offsets.bin", 8 * ROWS // 2 + 7),
        "header": ("header.bin", 0),
    }
    for name, (file, at) in copies.items():
        shutil.copytree(block, directory / name)
        content = bytearray((directory / name / file).read_bytes())
        content[at] ^= 0x80 if name == "offsets" else 1
        (directory / name / file).write_bytes(content)
    shutil.copytree(block, directory / "short")
    accel("make-block", "--raw", directory / "empty", "--count", "0", "--signers", "1", "--message-size", "0")
    os.truncate(directory / "short" / "signatures.bin", 64 * ROWS - 1)
    expected = {
        "rows": ROWS,
        "signers": SIGNERS,
        "bad": bad,
        "merkle_rule": "rfc9162",
        "merkle_root": verified["merkle_root"],
        "root_as_recorded": True,
        "as_recorded": True,
        "keys": {"valid": ROWS - DAMAGED, "bad": DAMAGED, "differing": 0},
    }
    return expected, {name: directory / name for name in ("block", "empty", *copies, "short", "nothing")}


OTHER_ABI = """#define _GNU_SOURCE
#include <dlfcn.h>
int accel_require_abi(unsigned version) {
  return ((int (*)(unsigned))dlsym(RTLD_NEXT, "accel_require_abi"))(version + 998);
}
"""


def other_abi(place: Place) -> Path:
    """Build what makes a program ask for an ABI that is not the library's, for LD_PRELOAD."""
    source, library = place.build / "other_abi.c", place.build / "other_abi.so"
    source.write_text(OTHER_ABI)
    run(["cc", "-shared", "-fPIC", source, "-o", library, "-ldl"])
    return library


CODES = {
    "block": 0,
    "empty": 0,
    "signature": 1,
    "message": 1,
    "status": 1,
    "root": 1,
    "offsets": 2,
    "header": 2,
    "short": 2,
}


def check(program: Path, expected: dict[str, Any], blocks: dict[str, Path], preload: Path) -> str:
    """Hold one program against all blocks; what it prints of the good one."""
    text = ask(program, blocks["block"])
    found = json.loads(ask(program, "--json", blocks["block"]).out)
    ring = found["key_ring"]
    if ring != expected["keys"] | {"known_rows": ring["known_rows"]} or not 0 < ring["known_rows"] < ROWS:
        raise ExampleError(f"{program}: by the key ring: {ring}")
    for name, value in expected.items():
        if found[name] != value:
            raise ExampleError(f"{program}: {name}: expected {value}, got {found[name]}")
    for name, block in blocks.items():
        answer, code = ask(program, block), CODES.get(name, 2)
        if answer.code != code or (code == 2) != bool(answer.errors):
            raise ExampleError(f"{program}: {name}: expected exit code {code}, got {answer}")
        if code == 1 and "DIFFER" not in answer.out:
            raise ExampleError(f"{program}: {name}: nothing said of the difference: {answer.out}")
    answer = ask(program, blocks["block"], LD_PRELOAD=str(preload))
    if answer.code != 2 or "compiled for ABI 999" not in answer.errors:
        raise ExampleError(f"{program}: a library of another ABI is not refused: {answer}")
    if ask(program).code != 2 or ask(program, "--no-such-option").code != 2:
        raise ExampleError(f"{program}: wrong usage is not exit code 2")
    return text.out


def place_from(options: argparse.Namespace) -> Place:
    """Find accel.pc in the prefix: in lib, lib64 or lib/ARCHITECTURE."""
    prefix = options.prefix.resolve()
    found = sorted(prefix.rglob("accel.pc"))
    if not found:
        raise ExampleError(f"{prefix}: no accel.pc in it; install libaccel there (make examples does)")
    return Place(prefix, found[0].parent, options.build.resolve(), options.jobs)


def main() -> None:
    """Build and try the examples; the exit code is 1 if one fails, or one that was asked for cannot be built."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--languages", default="", help="default: all whose toolchain is there")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "examples")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    asked = [name for name in options.languages.split(",") if name]
    names = [language.name for language in LANGUAGES]
    if unknown := [name for name in asked if name not in names]:
        parser.error(f"--languages: expected some of {', '.join(names)}, got {', '.join(unknown)}")
    absent = failed = 0
    try:
        place = place_from(options)
        expected, blocks = make_blocks(place.build / "blocks")
        preload = other_abi(place)
    except ExampleError as error:
        sys.exit(f"examples: {error}")
    shown = ""
    for language in LANGUAGES:
        if asked and language.name not in asked:
            continue
        if missing := language.missing():
            absent += 1
            print(f"{language.name:<5} not built: no {' and no '.join(missing)} here")
            continue
        try:
            shown = check(language.build(place), expected, blocks, preload)
            print(
                f"{language.name:<5} verdicts and root as recorded; wrong and unreadable blocks told apart", flush=True
            )
        except (ExampleError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"{language.name:<5} FAILED: {error}", flush=True)
    print(shown, end="")
    if failed or (asked and absent):
        sys.exit(1)


if __name__ == "__main__":
    main()
