"""What the modelled chip is given to do: commands, most of all those of a block."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from accel import _model
from accel.errors import ArgumentError

Opcode = Literal["sm3_equal", "sm3_ragged", "verify_digests", "verify_messages", "merkle_root", "merkle_levels"]
Keys = Literal["known", "unknown"]
Uint32s = npt.NDArray[np.uint32]

UNKNOWN_KEY: int = _model.UNKNOWN_KEY
"""In `Command.keys`: a signer whose key comes with the signature."""

_NODE_BYTES = {"rfc9162": 65, "chainmaker": 64, "bcos": 64}
_LEAF_PREFIX_BYTES = {"rfc9162": 1, "chainmaker": 0, "bcos": 0}


@dataclass(frozen=True, eq=False)
class Command:
    """One command: what is done, to how many items, how long they are. Never the data itself.

    Attributes:
        opcode: what is done.
        count: messages, signatures or leaf hashes.
        length: bytes of each message.
        lengths: (N,) uint32, bytes of messages that differ; None: all have `length`.
        keys: (N,) uint32, a number for each signature's signer whose table the chip has, or `UNKNOWN_KEY`; None: all
            keys come with their signatures.
        node_bytes: bytes that are hashed for a node of a Merkle tree.
        arrival_cycle: when the host has it, in cycles of the cores.
    """

    opcode: Opcode
    count: int
    length: int = 0
    lengths: Uint32s | None = None
    keys: Uint32s | None = None
    node_bytes: int = 65
    arrival_cycle: int = 0


@dataclass(frozen=True, eq=False)
class Workload:
    """Commands in the order of their submission, and what they are of.

    Attributes:
        name: what it is called in reports.
        commands: the commands.
        transactions: signed transactions of the block; 0 when it is no block.
        message_bytes: bytes of their messages.
        signers: different keys that signed them.
        keys: whether the chip has the signers' tables.
    """

    name: str
    commands: tuple[Command, ...]
    transactions: int = 0
    message_bytes: int = 0
    signers: int = 0
    keys: Keys = "known"


def block_workload(path: str | os.PathLike[str], *, keys: Keys = "known", batch: int = 4096) -> Workload:
    """Read a block, and make the commands that verify it.

    Every signature is verified over its message, every message is hashed as a leaf, and the root is made of the leaves'
    hashes: the commands that a device gets for such a block (``accel/driver.h``). Only lengths and signers are kept.

    Args:
        path: a Parquet file as ``accel make-block`` writes it, or the directory of a raw block.
        keys: whether the signers' tables are loaded before.
        batch: transactions in one command, 1 or more.

    Raises:
        ArgumentError: a batch below 1.
        accel.ledger.BlockError: the file cannot be read as a block.
    """
    from accel.ledger import Block, RawBlock  # noqa: PLC0415  pyarrow takes long to load

    if batch < 1:
        raise ArgumentError(f"batch: expected 1 or more transactions, got {batch}")
    signers: dict[bytes, int] = {}
    numbers: list[Uint32s] = [np.empty(0, np.uint32)]
    lengths: list[Uint32s] = [np.empty(0, np.uint32)]
    with RawBlock(path) if Path(path).is_dir() else Block(path) as block:
        rule = block.rule
        for part in block.batches():
            numbers.append(_signers(part.keys, signers))
            lengths.append(_lengths(part.messages, len(part)))
    every = np.concatenate(lengths)
    commands = _commands(np.concatenate(numbers), every, keys=keys, batch=batch, rule=rule)
    return Workload(
        name=Path(path).name,
        commands=tuple(commands),
        transactions=len(every),
        message_bytes=int(every.sum(dtype=np.uint64)),
        signers=len(signers),
        keys=keys,
    )


def _signers(keys: npt.NDArray[np.uint8], seen: dict[bytes, int]) -> Uint32s:
    """A number for each row's key, in the order in which keys first occurred."""
    distinct, first, places = np.unique(
        np.ascontiguousarray(keys).view("S64").reshape(-1), return_index=True, return_inverse=True
    )
    numbers = np.empty(len(distinct), np.uint32)
    for i in np.argsort(first):
        numbers[i] = seen.setdefault(keys[first[i]].tobytes(), len(seen))
    return numbers[places]


def _lengths(messages: object, rows: int) -> Uint32s:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    kind = messages.type  # type: ignore[attr-defined]
    if pa.types.is_fixed_size_binary(kind):
        return np.full(rows, kind.byte_width, np.uint32)
    return np.asarray(pc.binary_length(messages)).astype(np.uint32)


def _commands(numbers: Uint32s, lengths: Uint32s, *, keys: Keys, batch: int, rule: str) -> list[Command]:
    commands: list[Command] = []
    for first in range(0, len(lengths), batch):
        part = lengths[first : first + batch]
        length, ragged = _equal(part)
        signers = numbers[first : first + batch] if keys == "known" else None
        commands.append(Command("verify_messages", len(part), length, ragged, signers))
        leaf, leaves = _equal(part + np.uint32(_LEAF_PREFIX_BYTES[rule]))
        commands.append(Command("sm3_equal" if leaves is None else "sm3_ragged", len(part), leaf, leaves))
    commands.append(Command("merkle_root", len(lengths), node_bytes=_NODE_BYTES[rule]))
    return commands


def _equal(lengths: Uint32s) -> tuple[int, Uint32s | None]:
    """The length of all and None, or 0 and the lengths."""
    if len(lengths) == 0 or (lengths == lengths[0]).all():
        return int(lengths[0]) if len(lengths) else 0, None
    return 0, lengths
