"""The published vectors of tests/vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel.reference import sm2

_DIRECTORY = Path(__file__).parent.parent / "vectors"


def load(name: str) -> list[dict[str, Any]]:
    """The examples of one file."""
    examples: list[dict[str, Any]] = json.loads((_DIRECTORY / name).read_text())["examples"]
    return examples


def words(lines: list[str]) -> list[int]:
    """32-bit words, eight to a line."""
    return [int(word, 16) for line in lines for word in line.split()]


@dataclass(frozen=True)
class SignatureExample:
    """A worked example of GB/T 32918 with every intermediate value that the standard prints."""

    source: str
    curve: sm2.Curve
    user_id: bytes
    message: bytes
    private_key: int
    public_key: tuple[int, int]
    za: bytes
    e: int
    nonce: int
    point: tuple[int, int]
    r: int
    s: int
    t: int
    sg: tuple[int, int]
    tp: tuple[int, int]


def _point(pair: list[str]) -> tuple[int, int]:
    return int(pair[0], 16), int(pair[1], 16)


def signature_examples() -> list[SignatureExample]:
    """Both prime-field examples of the standard."""
    return [
        SignatureExample(
            source=each["source"],
            curve=getattr(sm2, each["curve"]),
            user_id=bytes.fromhex(each["id"]),
            message=bytes.fromhex(each["message"]),
            za=bytes.fromhex(each["za"]),
            **{name: int(each[name], 16) for name in ("private_key", "e", "nonce", "r", "s", "t")},
            **{name: _point(each[name]) for name in ("public_key", "point", "sg", "tp")},
        )
        for each in load("sm2_signature.json")
    ]


def recommended_example() -> SignatureExample:
    """The example on the curve that the library implements."""
    return next(each for each in signature_examples() if each.curve == sm2.RECOMMENDED)
