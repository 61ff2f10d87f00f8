"""Records of the write-ahead log: what a validator must know again after a crash, and their exact bytes.

====== =============================================================================================================
type   fields after the type byte
====== =============================================================================================================
1      intent: type 1, height 8, round 4, valid round 4, present 1, block 32; then locked round 4 and valid round 4
       of the validator's state (``ffffffff`` for none)
2      valid value: block (length 4 and bytes), then the certificate of its prevotes
3      decision: block (length 4 and bytes), then the certificate of its precommits
4      evidence: two statements
5      vote: a statement, the validator's own
====== =============================================================================================================
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, TypeAlias

from accel.consensus import messages
from accel.consensus.errors import MessageError
from accel.consensus.messages import Evidence, Intent, Vote

__all__ = [
    "DecisionRecord",
    "EvidenceRecord",
    "IntentRecord",
    "Record",
    "ValidRecord",
    "VoteRecord",
    "decode_record",
    "encode_record",
]

_INTENT = struct.Struct(">BQIIB32sII")
_LENGTH = struct.Struct(">I")
_NONE: Final = 0xFFFF_FFFF


class IntentRecord(NamedTuple):
    """The validator is about to sign this, in this state."""

    intent: Intent
    locked_round: int
    """Round of its lock, or `NO_ROUND`; the locked block is the valid value of that round."""
    valid_round: int


class ValidRecord(NamedTuple):
    """A block with prevotes of more than two thirds: the valid value, and what a lock is on."""

    block: bytes
    certificate: messages.Certificate


class DecisionRecord(NamedTuple):
    """A decided block."""

    block: bytes
    certificate: messages.Certificate


class EvidenceRecord(NamedTuple):
    """Somebody signed twice."""

    evidence: Evidence


class VoteRecord(NamedTuple):
    """The validator has signed this vote and may have sent it: it must be able to send it again.

    Nothing waits for this record, so it needs no sync of its own. It comes before the next intent in the log.
    """

    vote: Vote


Record: TypeAlias = IntentRecord | ValidRecord | DecisionRecord | EvidenceRecord | VoteRecord
"""What the write-ahead log holds."""


def _on_wire(round_: int) -> int:
    return _NONE if round_ < 0 else round_


def _from_wire(round_: int) -> int:
    if round_ != _NONE and round_ > messages.MAX_ROUND:
        raise MessageError(f"round: expected 0 to {messages.MAX_ROUND} or none, got {round_}")
    return messages.NO_ROUND if round_ == _NONE else round_


def encode_record(record: Record) -> bytes:
    """Return the bytes of `record`.

    Raises:
        MessageError: A field lies outside its limits.
        TypeError: Not a record.
    """
    if isinstance(record, IntentRecord):
        kind, height, round_, valid_round, block_id = record.intent
        messages.check_intent(record.intent)
        return b"\1" + _INTENT.pack(
            kind,
            height,
            round_,
            _on_wire(valid_round),
            1 if block_id else 0,
            block_id,
            _on_wire(record.locked_round),
            _on_wire(record.valid_round),
        )
    if isinstance(record, ValidRecord | DecisionRecord):
        if len(record.block) > messages.MAX_BLOCK_BYTES:
            raise MessageError(f"block: expected at most {messages.MAX_BLOCK_BYTES} bytes, got {len(record.block)}")
        head = b"\2" if isinstance(record, ValidRecord) else b"\3"
        return head + _LENGTH.pack(len(record.block)) + record.block + messages.encode_certificate(record.certificate)
    if isinstance(record, EvidenceRecord):
        return b"\4" + messages.encode_evidence(record.evidence)
    if isinstance(record, VoteRecord):
        return b"\5" + messages.encode(record.vote)
    raise TypeError(f"record: expected a record, got {type(record).__name__}")


def _decode_intent(data: bytes) -> IntentRecord:
    if len(data) != _INTENT.size:
        raise MessageError(f"intent: expected {_INTENT.size} bytes, got {len(data)}")
    kind, height, round_, valid, present, digest, locked_state, valid_state = _INTENT.unpack(data)
    if present > 1 or (not present and any(digest)):
        raise MessageError("block_id: expected 1 and an identifier, or 33 zero bytes")
    intent = Intent(kind, height, round_, _from_wire(valid), digest if present else messages.NIL)
    messages.check_intent(intent)
    return IntentRecord(intent, _from_wire(locked_state), _from_wire(valid_state))


def decode_record(data: bytes) -> Record:
    """Return the record that `data` encodes.

    Raises:
        MessageError: The bytes are no record.
    """
    kind, body = data[:1], data[1:]
    if kind == b"\1":
        return _decode_intent(body)
    if kind == b"\4":
        return EvidenceRecord(messages.decode_evidence(body))
    if kind == b"\5":
        vote = messages.decode(body)
        if not isinstance(vote, Vote):
            raise MessageError(f"vote: expected a vote, got a {type(vote).__name__}")
        return VoteRecord(vote)
    if kind not in (b"\2", b"\3"):
        raise MessageError(f"record type: expected 1 to 5, got {kind.hex() or 'nothing'}")
    if len(body) < _LENGTH.size:
        raise MessageError(f"block length: expected 4 bytes, got {len(body)}")
    (length,) = _LENGTH.unpack_from(body)
    end = _LENGTH.size + length
    if length > messages.MAX_BLOCK_BYTES or end > len(body):
        raise MessageError(f"block: expected at most {len(body) - _LENGTH.size} bytes, got {length}")
    block, certificate = body[_LENGTH.size : end], messages.decode_certificate(body[end:])
    return ValidRecord(block, certificate) if kind == b"\2" else DecisionRecord(block, certificate)
