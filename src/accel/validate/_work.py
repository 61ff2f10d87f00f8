"""What a check gives a device to do, and the answer that is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from accel.driver import CommandFlag, CompletionStatus, Opcode
from accel.driver._work import MERKLE, NO_ZA, VERIFY, output_size
from accel.errors import ArgumentError

OK, BAD_SIGNATURE, BAD_KEY, BAD_RANGE = 1, 2, 3, 4  # accel_status


@dataclass(frozen=True)
class Work:
    """One command with its inputs, and what has to come out.

    Attributes:
        opcode: Of the command; a number that is none of `Opcode` where that is what is tried.
        count: Items.
        messages: Bytes that messages are cut from.
        stride: Distance of messages; without `offsets`.
        length: Of every message; without `offsets`.
        offsets: Where messages begin and end.
        keys: Public keys, `keys_stride` apart.
        load_keys: Load `keys` and name them by handle, item i the key ``handles[i]``.
        signatures: `signatures_stride` apart.
        digests: Digests or leaf hashes, `digests_stride` apart.
        user_id: The ID; None: no ZA.
        rule: Of a Merkle tree.
        points: Ask for R.
        status: The right statuses.
        output: The right digests or nodes.
        right_points: The right R of each item that is valid; None for others.
        aims: What each item is about.
    """

    opcode: int
    count: int
    messages: bytes = b""
    stride: int = 0
    length: int = 0
    offsets: tuple[int, ...] = ()
    keys: bytes = b""
    keys_stride: int = 64
    load_keys: bool = False
    handles: tuple[int, ...] = ()
    signatures: bytes = b""
    signatures_stride: int = 64
    digests: bytes = b""
    digests_stride: int = 32
    user_id: bytes | None = None
    rule: int = 0
    points: bool = False
    status: bytes = b""
    output: bytes = b""
    right_points: tuple[bytes | None, ...] = ()
    aims: tuple[str, ...] = ()

    @property
    def flags(self) -> int:
        """The command's flags."""
        ragged = CommandFlag.RAGGED if self.offsets else CommandFlag(0)
        handles = CommandFlag.HANDLES if self.load_keys else CommandFlag(0)
        return int(ragged | handles | (CommandFlag.POINTS if self.points else CommandFlag(0)))

    @property
    def id_length(self) -> int:
        """As the command has it."""
        return NO_ZA if self.user_id is None else len(self.user_id)

    @property
    def output_size(self) -> int:
        """Bytes of digests or nodes."""
        return output_size(Opcode(self.opcode), self.count)

    def message(self, i: int) -> bytes:
        """One message."""
        begin, end = (self.offsets[i], self.offsets[i + 1]) if self.offsets else (self.stride * i,) * 2
        return self.messages[begin : end if self.offsets else begin + self.length]

    def item(self, i: int) -> Work:
        """The command for one item alone; not for Merkle trees."""
        aims = self.aims[i : i + 1]
        work = replace(self, count=1, aims=aims, status=self.status[i : i + 1], points=False, right_points=())
        if self.messages or self.length or self.offsets:
            message = self.message(i)
            work = replace(work, messages=message, stride=len(message), length=len(message), offsets=())
        if self.opcode in VERIFY:
            key = self.handles[i] if self.load_keys else i
            start, signature, digest = key * self.keys_stride, i * self.signatures_stride, i * self.digests_stride
            work = replace(
                work,
                keys=self.keys[start : start + 64],
                load_keys=False,
                handles=(),
                signatures=self.signatures[signature : signature + 64],
                digests=self.digests[digest : digest + 32],
                keys_stride=64,
                signatures_stride=64,
                digests_stride=32,
            )
        return replace(work, output=self.output[32 * i : 32 * i + 32]) if self.opcode == Opcode.SM3 else work

    @property
    def divides(self) -> bool:
        """Whether items are independent of each other."""
        return self.opcode not in MERKLE


@dataclass(frozen=True)
class Answer:
    """What a device said about one command."""

    tag: int
    count: int
    opcode: int
    status: int
    statuses: bytes
    output: bytes
    points: bytes


def _difference(work: Work, got: bytes, want: bytes, width: int) -> tuple[int, str] | None:
    for i in range(len(want) // width):
        mine, right = got[i * width : (i + 1) * width], want[i * width : (i + 1) * width]
        if mine != right:
            aim = f" ({work.aims[i]})" if i < len(work.aims) else ""
            return i, f"item {i} of {work.count}{aim}: expected {right.hex()}, got {mine.hex()}"
    return None


def compare(work: Work, answer: Answer) -> tuple[int | None, str] | None:
    """None where the answer is right; otherwise the first wrong item, if it is one item, and a sentence."""
    if answer.status != CompletionStatus.DONE:
        return (
            None,
            f"the command was completed with status {answer.status}, expected {int(CompletionStatus.DONE)} (DONE)",
        )
    if work.status and (found := _difference(work, answer.statuses, work.status, 1)):
        return found
    if work.output and (found := _difference(work, answer.output, work.output, 32)):
        return found if work.divides else (None, found[1].replace("item", "node", 1))
    for i, right in enumerate(work.right_points):
        if right is not None and answer.points[64 * i : 64 * i + 64] != right:
            mine = answer.points[64 * i : 64 * i + 64].hex()
            return i, f"item {i} of {work.count}: expected R = {right.hex()}, got {mine}"
    return None


def to_json(work: Work) -> dict[str, Any]:
    """A `Work` as JSON has it: bytes in hexadecimal."""

    def plain(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.hex()
        return [plain(each) for each in value] if isinstance(value, tuple) else value

    return {name: plain(getattr(work, name)) for name in Work.__dataclass_fields__}


_BYTES = ("messages", "keys", "signatures", "digests", "status", "output")


def from_json(value: dict[str, Any]) -> Work:
    """What `to_json` made.

    Raises:
        ArgumentError: It did not.
    """
    unknown = set(value) ^ set(Work.__dataclass_fields__)
    if unknown:
        raise ArgumentError(f"reproducer: missing or unknown fields of a command: {', '.join(sorted(unknown))}")
    fields = dict(value)
    for name in _BYTES:
        fields[name] = bytes.fromhex(fields[name])
    fields["user_id"] = None if fields["user_id"] is None else bytes.fromhex(fields["user_id"])
    fields["right_points"] = tuple(None if each is None else bytes.fromhex(each) for each in fields["right_points"])
    for name in ("offsets", "handles", "aims"):
        fields[name] = tuple(fields[name])
    return Work(**fields)
