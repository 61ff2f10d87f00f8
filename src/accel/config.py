"""Where a C or C++ compiler, pkg-config and CMake find the library of this installation.

``python -m accel.config --cflags --libs`` prints what to add to a compiler's command line, ``--cmakedir`` what
``find_package(accel CONFIG)`` takes as ``accel_DIR``, ``--pkgconfigdir`` what ``PKG_CONFIG_PATH`` takes.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import accel
from accel import _native

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["cflags", "cmake_dir", "include_dir", "library_dir", "libs", "main", "pkgconfig_dir"]


def _installed(*parts: str, holds: str) -> Path:
    """Return a directory beside the extension, which is where the library is installed, wheel or editable."""
    directory = Path(_native.__file__).resolve().parent.joinpath(*parts)
    if not (directory / holds).is_file():
        raise FileNotFoundError(f"{directory} does not hold {holds}: this installation of accel came without it")
    return directory


def include_dir() -> Path:
    """Return the directory that holds ``accel/accel.h``.

    Raises:
        FileNotFoundError: This installation has no header; so below for what else may be missing.
    """
    return _installed("include", holds="accel/accel.h")


def library_dir() -> Path:
    """Return the directory that holds ``libaccel.so`` and ``libaccel.a``."""
    return _installed("lib", holds="libaccel.so")


def cmake_dir() -> Path:
    """Return the directory that holds ``accelConfig.cmake``."""
    return _installed("lib", "cmake", "accel", holds="accelConfig.cmake")


def pkgconfig_dir() -> Path:
    """Return the directory that holds ``accel.pc`` and ``accel-static.pc``."""
    return _installed("lib", "pkgconfig", holds="accel.pc")


def cflags() -> list[str]:
    """Return the compiler's options."""
    return [f"-I{include_dir()}"]


def libs(*, static: bool = False) -> list[str]:
    """Return the linker's options.

    Args:
        static: Link ``libaccel.a``; otherwise ``libaccel.so``, which the program then finds without LD_LIBRARY_PATH.
    """
    directory = library_dir()
    if static:
        return [str(directory / "libaccel.a"), "-lstdc++", "-lm", "-pthread"]
    return [f"-L{directory}", f"-Wl,-rpath,{directory}", "-laccel"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m accel.config",
        description="What a compiler, pkg-config and CMake need to find libaccel: one line for each option given.",
        epilog='Example: cc node.c $(python -m accel.config --cflags --libs) -o node; cmake -B build -Daccel_DIR="$('
        'python -m accel.config --cmakedir)"',
    )
    for option, text in (
        ("--cflags", "compiler options"),
        ("--libs", "linker options"),
        ("--includedir", "directory of accel/accel.h"),
        ("--libdir", "directory of libaccel.so and libaccel.a"),
        ("--cmakedir", "directory of accelConfig.cmake: accel_DIR"),
        ("--pkgconfigdir", "directory of accel.pc and accel-static.pc: PKG_CONFIG_PATH"),
        ("--version", "version of the library"),
    ):
        parser.add_argument(option, dest="wanted", action="append_const", const=option, help=text)
    parser.add_argument("--static", action="store_true", help="with --libs: libaccel.a instead of libaccel.so")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was asked for.

    Args:
        arguments: Of the command line, without the program's name; None: this process's.

    Returns:
        The exit code: 0, or 1 with a sentence on standard error when it is not installed.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.wanted:
        parser.error("expected at least one of --cflags, --libs, --includedir, --libdir, --cmakedir, ...; see --help")
    answers: dict[str, Callable[[], object]] = {
        "--cflags": lambda: shlex.join(cflags()),
        "--libs": lambda: shlex.join(libs(static=options.static)),
        "--includedir": include_dir,
        "--libdir": library_dir,
        "--cmakedir": cmake_dir,
        "--pkgconfigdir": pkgconfig_dir,
        "--version": lambda: accel.__version__,
    }
    try:
        lines = [str(answers[option]()) for option in options.wanted]
    except FileNotFoundError as error:
        print(f"accel.config: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(*lines, sep="\n")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
