"""A second opinion on a block: OpenSSL's verdicts on some rows, and the Merkle root over OpenSSL's SM3."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from accel._libcrypto import Libcrypto
from accel.ledger import Block


@dataclass(frozen=True)
class Row:
    """One transaction, as plain bytes."""

    public_key: bytes
    signature: bytes
    message: bytes


def read_rows(path: Path) -> list[Row]:
    """All rows of a block that fits into memory."""
    with Block(path) as block:
        return [
            Row(key.tobytes(), signature.tobytes(), message.as_py())
            for batch in block.batches()
            for key, signature, message in zip(batch.keys, batch.signatures, batch.messages, strict=True)
        ]


def disagreements(library: Libcrypto, rows: list[Row], sample: Iterable[int], bad: set[int]) -> list[int]:
    """Rows of the sample on which OpenSSL's verdict is not the one that says the rows in `bad` are not valid."""
    return [
        index
        for index in sample
        if library.verify(rows[index].public_key, rows[index].signature, rows[index].message) == (index in bad)
    ]


def merkle_root(library: Libcrypto, messages: Iterable[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, over OpenSSL's SM3: level by level, a lone last node goes up as it is."""
    level = [library.sm3(b"\x00" + message) for message in messages]
    if not level:
        return library.sm3(b"")
    while len(level) > 1:
        pairs = [library.sm3(b"\x01" + left + right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]
