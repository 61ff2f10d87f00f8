"""``accel vectors``: inputs with every intermediate value, for test benches that cannot link a library.

Everything comes from `accel.reference`. The same seed gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from accel.reference import merkle, sm2, sm3
from accel.validate import _inputs as inputs

Rows = list[dict[str, str | int]]

_MASK = 0xFFFFFFFF
_LENGTHS = (0, 1, 3, 31, 32, 55, 56, 63, 64, 65, 119, 120, 128, 200)
_TREES = (1, 2, 3, 4, 5, 7, 8, 13)
_STATUS = {"": 1, "equation": 2, "key": 3, "range": 4}


def _number(x: int) -> str:
    return f"{x:064x}"


def _words(words: Iterable[int]) -> str:
    return "".join(f"{word:08x}" for word in words)


def _point(point: sm2.Point) -> tuple[str, str]:
    return ("0" * 64, "0" * 64) if point is None else (_number(point[0]), _number(point[1]))


def _messages(seed: int) -> list[bytes]:
    generator = random.Random(seed)
    published = [message for message, _ in inputs.PUBLISHED_SM3]
    return published + [generator.randbytes(length) for length in _LENGTHS]


def sm3_messages(seed: int) -> Rows:
    """Messages with their digests."""
    return [
        {"message": i, "bytes": len(message), "data": message.hex(), "padded": sm3.pad(message).hex(),
         "digest": sm3.digest(message).hex()}
        for i, message in enumerate(_messages(seed))
    ]  # fmt: skip


def sm3_blocks(seed: int) -> Rows:
    """Every compression: the state before, the block, expanded words, the state after."""
    rows: Rows = []
    for i, message in enumerate(_messages(seed)):
        padded = sm3.pad(message)
        for j, step in enumerate(sm3.trace(message)):
            rows.append({"message": i, "block": j, "last": f"{int(64 * j + 64 == len(padded)):02x}",
                         "state_in": _words(step.states[0]), "data": padded[64 * j : 64 * j + 64].hex(),
                         "w": _words(step.words), "w_prime": _words(step.words_prime),
                         "state_out": _words(step.output)})  # fmt: skip
    return rows


def _round(step: sm3.Compression, j: int) -> dict[str, str | int]:
    """SS1, SS2, TT1 and TT2 of round j (GB/T 32905-2016, section 5.3.3), and the registers after it."""
    a, b, c, d, e, f, g, h = step.states[j]
    turned = sm3.rotate_left(a, 12)
    ss1 = sm3.rotate_left((turned + e + sm3.rotate_left(sm3.constant(j), j)) & _MASK, 7)
    ss2 = ss1 ^ turned
    tt1 = (sm3.ff(j, a, b, c) + d + ss2 + step.words_prime[j]) & _MASK
    tt2 = (sm3.gg(j, e, f, g) + h + ss1 + step.words[j]) & _MASK
    values = {"ss1": ss1, "ss2": ss2, "tt1": tt1, "tt2": tt2}
    return {**{name: f"{value:08x}" for name, value in values.items()}, "registers": _words(step.states[j + 1])}


def sm3_rounds(seed: int) -> Rows:
    """Registers A to H after each round, with SS1, SS2, TT1 and TT2."""
    return [
        {"message": i, "block": j, "round": k, **_round(step, k)}
        for i, message in enumerate(_messages(seed))
        for j, step in enumerate(sm3.trace(message))
        for k in range(sm3.ROUNDS)
    ]


def _items() -> list[inputs.Item]:
    edges = [*inputs.ranges(), *inputs.keys(), *inputs.precedence(), *inputs.exceptional(), *inputs.digests()]
    return [inputs.PUBLISHED_SM2, *inputs.mixed_items(24, 11), *edges]


@cache
def _verifications() -> Rows:
    rows: Rows = []
    for item in _items():
        key, signature = (
            (int.from_bytes(pair[:32], "big"), int.from_bytes(pair[32:], "big")) for pair in (item.key, item.signature)
        )
        e = int.from_bytes(item.digest, "big")
        found = sm2.verify(inputs.CURVE, key, signature, e)
        numbers = {"key_x": key[0], "key_y": key[1], "r": signature[0], "s": signature[1], "e": e, "t": found.t or 0}
        row: dict[str, str | int] = {name: _number(value) for name, value in numbers.items()}
        for name, point in (("sg", found.sg), ("tp", found.tp), ("sum", found.point)):
            row[f"{name}_x"], row[f"{name}_y"] = _point(point)
        row["computed_r"] = _number(found.r or 0)
        row["status"] = f"{_STATUS[found.reason]:02x}"
        row["aim"] = item.aim
        rows.append(row)
    return rows


def sm2_verify(_seed: int) -> Rows:
    """Verifications with t, [s]G, [t]P, their sum and R; zeros where a value is not reached."""
    return _verifications()


def sm2_messages(seed: int) -> Rows:
    """Messages with ZA and e, and signatures over them."""
    generator = random.Random(seed + 1)
    rows: Rows = []
    for length in _LENGTHS:
        message, d = generator.randbytes(length), generator.randrange(1, inputs.N - 1)
        key = sm2.public_key(inputs.CURVE, d)
        e = sm2.digest(inputs.CURVE, key, message)
        item = inputs.sign(d, e, generator.randrange(1, inputs.N))
        rows.append({"id": sm2.DEFAULT_ID.hex(), "bytes": length, "message": message.hex(), "key_x": _number(key[0]),
                     "key_y": _number(key[1]), "za": sm2.za(inputs.CURVE, key).hex(), "e": _number(e),
                     "r": item.signature[:32].hex(), "s": item.signature[32:].hex(), "status": "01"})  # fmt: skip
    return rows


def merkle_nodes(seed: int) -> Rows:
    """Every node of small trees under the three rules, level by level from the leaf hashes."""
    generator = random.Random(seed + 2)
    rows: Rows = []
    for rule in merkle.RULES.values():
        for size in _TREES:
            leaves = [generator.randbytes(32) for _ in range(size)]
            for level, nodes in enumerate(merkle.levels_of(leaves, rule)):
                rows += [{"rule": rule.name, "leaves": size, "level": level, "node": i, "hash": node.hex()}
                         for i, node in enumerate(nodes)]  # fmt: skip
    return rows


_TABLES = {
    "sm3_messages": sm3_messages,
    "sm3_blocks": sm3_blocks,
    "sm3_rounds": sm3_rounds,
    "sm2_verify": sm2_verify,
    "sm2_messages": sm2_messages,
    "merkle_nodes": merkle_nodes,
}
# Columns of one width in all rows, which is what $readmemh takes: one row, one word of memory.
_MEMORIES = {
    "sm3_blocks": ("last", "state_in", "data", "w", "w_prime", "state_out"),
    "sm3_rounds": ("ss1", "ss2", "tt1", "tt2", "registers"),
    "sm2_verify": ("key_x", "key_y", "r", "s", "e", "t", "sg_x", "sg_y", "tp_x", "tp_y", "sum_x", "sum_y", "computed_r",
                   "status"),
    "sm2_messages": ("key_x", "key_y", "za", "e", "r", "s"),
    "merkle_nodes": ("hash",),
}  # fmt: skip


def _csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _memory(name: str, rows: Rows, columns: Sequence[str]) -> tuple[str, list[dict[str, Any]]]:
    """A $readmemh file: the columns of a row side by side, the first one on top; and where each one stands."""
    widths = [4 * len(str(rows[0][column])) for column in columns]
    fields, low = [], sum(widths)
    for column, width in zip(columns, widths, strict=True):
        low -= width
        fields.append({"name": column, "bits": width, "msb": low + width - 1, "lsb": low})
    lines = ["".join(str(row[column]) for column in columns) for row in rows]
    layout = ", ".join(f"{field['name']} [{field['msb']}:{field['lsb']}]" for field in fields)
    head = f"// {name}: {len(rows)} words of {sum(widths)} bits: {layout}\n"
    return head + "\n".join(lines) + "\n", fields


def export(directory: Path, seed: int) -> dict[str, Any]:
    """Write all files.

    Args:
        directory: Made if it is not there.
        seed: Of random inputs.

    Returns:
        The manifest, which is also ``manifest.json`` there: for each file its rows, its columns or the bits of its
        fields, and its SHA-256.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {}

    def write(name: str, text: str, facts: dict[str, Any]) -> None:
        (directory / name).write_text(text, encoding="ascii")
        files[name] = {**facts, "sha256": hashlib.sha256(text.encode("ascii")).hexdigest()}

    for name, make in _TABLES.items():
        rows = make(seed)
        what = str(make.__doc__).splitlines()[0]
        write(f"{name}.csv", _csv(rows), {"what": what, "rows": len(rows), "columns": list(rows[0])})
        if columns := _MEMORIES.get(name):
            text, fields = _memory(name, rows, columns)
            write(f"{name}.memh", text, {"what": what, "rows": len(rows), "fields": fields})
    manifest = {"format": "accel vectors 1", "seed": seed, "files": files}
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="ascii")
    return manifest
