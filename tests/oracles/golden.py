"""libaccel_golden through ctypes, with Python integers for numbers and points.

The functions' types come from the header itself, so what is declared there is what is called here.
"""

from __future__ import annotations

import ctypes
import re
from ctypes import c_int32, c_uint8, c_uint32, c_uint64, c_void_p
from importlib import resources
from pathlib import Path
from typing import Any

Point = tuple[int, int] | None

OK, BAD_SIGNATURE, BAD_KEY, BAD_RANGE, BAD_PROOF, BAD_ARGUMENT = 1, 2, 3, 4, 5, 16
P, N = 1, 2  # ACCEL_GOLDEN_P and ACCEL_GOLDEN_N, as a modulus
GENERIC, FIRST_INFINITE, SECOND_INFINITE, EQUAL, OPPOSITE = 1, 2, 3, 4, 5
DOUBLE, ADD = 1, 2
NO_ZA = 2**64 - 1
MAX_STEPS = 512

_NAMED_TYPES = {"uint32_t": c_uint32, "uint64_t": c_uint64, "int32_t": c_int32, "void": None}


def installed(name: str) -> Path:
    """A file of the installed package."""
    with resources.as_file(resources.files("accel").joinpath(name)) as path:
        return path


LIBRARY = installed("lib/libaccel_golden.so")
INCLUDE = installed("include/accel/golden.h").parent.parent


def declarations() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """For each function of golden.h the type of its result, and type and name of each parameter."""
    header = (INCLUDE / "accel/golden.h").read_text(encoding="utf-8")
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    found = {}
    for result, name, parameters in re.findall(r"ACCEL_GOLDEN_API\s+([^;()]+?)(\baccel_\w+)\(([^;]*?)\);", code):
        pairs = re.findall(r"([^,]*?)\b(\w+)((?:\[\w+\])?)(?:,|$)", re.sub(r"\s+", " ", parameters).strip())
        typed = [(kind.strip() + array, word) for kind, word, array in pairs if word != "void"]
        found[name] = (result.strip(), typed)
    return found


def is_pointer(kind: str) -> bool:
    """Whether a parameter of this type is an address."""
    return "*" in kind or "[" in kind


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(str(LIBRARY))
    for name, (result, parameters) in declarations().items():
        function = getattr(library, name)
        function.restype = ctypes.c_char_p if result == "const char*" else _NAMED_TYPES[result]
        function.argtypes = [c_void_p if is_pointer(kind) else _NAMED_TYPES[kind] for kind, _ in parameters]
    return library


_library = _load()


def call(name: str, *arguments: Any) -> Any:
    """`accel_golden_NAME` as it is; arrays and structures are passed by address."""
    passed = [ctypes.byref(a) if isinstance(a, ctypes.Array | ctypes.Structure) else a for a in arguments]
    return getattr(_library, f"accel_golden_{name}")(*passed)


# --- numbers, points, bytes ---


def words(x: int, count: int = 8) -> Any:
    """An integer as words, the least significant first."""
    return (c_uint32 * count)(*((x >> 32 * i) & 0xFFFFFFFF for i in range(count)))


def integer(array: Any) -> int:
    """The opposite."""
    return sum(int(word) << 32 * i for i, word in enumerate(array))


def point_words(point: Point) -> Any:
    """An affine point as 16 words, infinity as zeros."""
    return words(0 if point is None else point[0] | point[1] << 256, 16)


def point(array: Any) -> Point:
    """The opposite."""
    x, y = integer(array[:8]), integer(array[8:16])
    return None if (x, y) == (0, 0) else (x, y)


def jacobian_words(coordinates: tuple[int, int, int]) -> Any:
    """X, Y, Z as 24 words."""
    x, y, z = coordinates
    return words(x | y << 256 | z << 512, 24)


def jacobian(array: Any) -> tuple[int, int, int]:
    """The opposite."""
    return integer(array[:8]), integer(array[8:16]), integer(array[16:24])


def buffer(data: bytes | int) -> Any:
    """Bytes, or room for so many; at least one, so that it has an address."""
    size, content = (data, b"") if isinstance(data, int) else (len(data), data)
    return (c_uint8 * max(1, size))(*content)


def compute(name: str, *arguments: Any, size: int = 8) -> int:
    """A function with one number of `size` words as its output, which must succeed."""
    out = words(0, size)
    assert call(name, out, *arguments) == OK, name
    return integer(out)


# --- structures ---


class _Sized(ctypes.Structure):
    def __init__(self) -> None:
        super().__init__()
        self.struct_size = ctypes.sizeof(self)


def _fields(**counts: int) -> list[tuple[str, Any]]:
    return [("struct_size", c_uint32)] + [(n, c_uint32 if c == 1 else c_uint32 * c) for n, c in counts.items()]


class Montgomery(_Sized):
    """accel_golden_montgomery."""

    _fields_ = _fields(subtractions=1, product=16, quotient=8, sum=9, result=8)


class Compression(_Sized):
    """accel_golden_sm3_compression."""

    _fields_ = _fields(w=68, w_prime=64, ss1=64, ss2=64, tt1=64, tt2=64, registers=65 * 8, state=8)


class Verification(_Sized):
    """accel_golden_verification."""

    _fields_ = _fields(status=1, infinity=1, addition=1, t=8, sg=16, tp=16, sum=16, x1_mod_n=8, r=8)


class Signing(_Sized):
    """accel_golden_signing."""

    _fields_ = _fields(status=1, point=16, r=8, inverse=8, s=8)


class Step(ctypes.Structure):
    """accel_golden_step."""

    _fields_ = (("bit", c_uint32), ("operation", c_uint32), ("addition", c_uint32), ("jacobian", c_uint32 * 24))
