"""Messages of the consensus engine: what validators sign, what they send, and the exact bytes of both.

Integers are big-endian and unsigned. A *block identifier* is 32 bytes, the SM3 digest of the block; nil, the vote for
no block, is ``NIL``, the empty bytes.

What a validator signs is fixed by `sign_bytes` and nothing else:

====== ========================================================================================================
bytes  field
====== ========================================================================================================
16     ``accel/tbft/1`` and four zero bytes
1      type: 1 proposal, 2 prevote, 3 precommit
8      height
4      round
4      valid round of a proposal; ``ffffffff`` when it has none, and for votes
1      0 for nil, else 1
32     block identifier, zero for nil
1      length of the chain identifier
1–48   chain identifier
====== ========================================================================================================

Every message is immutable. `encode` and `decode` go to bytes and back; `decode` takes nothing on trust: each length has
a limit, each reserved bit is checked, what is left over is an error, and every error is a `MessageError`.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, TypeAlias

from accel.consensus.errors import MessageError

__all__ = [
    "MAX_BLOCK_BYTES",
    "MAX_CHAIN_ID_BYTES",
    "MAX_HEIGHT",
    "MAX_ROUND",
    "MAX_VALIDATORS",
    "NIL",
    "NO_ROUND",
    "PRECOMMIT",
    "PREVOTE",
    "PROPOSAL",
    "Certificate",
    "Decision",
    "Evidence",
    "Intent",
    "Message",
    "Proposal",
    "Statement",
    "Status",
    "Vote",
    "check_intent",
    "decode",
    "decode_certificate",
    "decode_evidence",
    "encode",
    "encode_certificate",
    "encode_evidence",
    "sign_bytes",
]

PROPOSAL: Final = 1
"""Type of a proposal."""
PREVOTE: Final = 2
"""Type of a prevote."""
PRECOMMIT: Final = 3
"""Type of a precommit."""

NIL: Final = b""
"""The block identifier of a vote for no block."""
NO_ROUND: Final = -1
"""The valid round of a proposal that has none, and of every vote."""

MAX_HEIGHT: Final = (1 << 62) - 1
"""The last height."""
MAX_ROUND: Final = 65_535
"""The last round of a height."""
MAX_VALIDATORS: Final = 1_024
"""Validators of a set."""
MAX_CHAIN_ID_BYTES: Final = 48
"""Length of a chain identifier."""
MAX_BLOCK_BYTES: Final = 1 << 20
"""A block holds digests of batches, not transactions; a mebibyte holds 32,768 of them."""

_TAG: Final = b"accel/tbft/1".ljust(16, b"\0")
_SIGN = struct.Struct(">16sBQIIB32sB")
_NO_ROUND_ON_WIRE: Final = 0xFFFF_FFFF

_TYPE_DECISION: Final = 4
_TYPE_STATUS: Final = 5
_TYPE_CERTIFICATE: Final = 6

_STATEMENT = struct.Struct(">BQIIHB32s64s")
_CERTIFICATE = struct.Struct(">BQI32sH")
_STATUS = struct.Struct(">QIBB32sH")
_LENGTH = struct.Struct(">I")
_BITS: Final = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


class Intent(NamedTuple):
    """What a validator is about to sign."""

    kind: int
    """`PROPOSAL`, `PREVOTE` or `PRECOMMIT`."""
    height: int
    round: int
    valid_round: int
    block_id: bytes


class Statement(NamedTuple):
    """What a validator signed, with the signature: all that evidence needs of a vote or a proposal."""

    kind: int
    height: int
    round: int
    valid_round: int
    block_id: bytes
    validator: int
    """Position in the validator set of that height."""
    signature: bytes

    def sign_bytes(self, chain_id: bytes) -> bytes:
        """Return the bytes under the signature, for the chain `chain_id`."""
        return sign_bytes(chain_id, self.kind, self.height, self.round, self.valid_round, self.block_id)


class Vote(NamedTuple):
    """A signed prevote or precommit."""

    kind: int
    height: int
    round: int
    block_id: bytes
    """The block's identifier, or `NIL`."""
    validator: int
    """Position in the validator set of that height."""
    signature: bytes
    """r ‖ s, 64 bytes."""

    def sign_bytes(self, chain_id: bytes) -> bytes:
        """Return the bytes under the signature, for the chain `chain_id`."""
        return sign_bytes(chain_id, self.kind, self.height, self.round, NO_ROUND, self.block_id)

    def statement(self) -> Statement:
        """Return what is signed, for evidence."""
        return Statement(self.kind, self.height, self.round, NO_ROUND, self.block_id, self.validator, self.signature)


class Certificate(NamedTuple):
    """Votes for one block by validators with more than two thirds of the voting power, once checked.

    A certificate of prevotes shows that a valid round is one; a certificate of precommits is a decision. Of prevotes it
    is also a message by itself: so that all have the valid value that one has (lines 36 to 43 of the paper).
    """

    kind: int
    """`PREVOTE` or `PRECOMMIT`."""
    height: int
    round: int
    block_id: bytes
    validators: int
    """Number of validators in the set, which is the length of the bitmap in bits."""
    signers: tuple[int, ...]
    """Positions of those who signed, ascending."""
    signatures: tuple[bytes, ...]
    """Their signatures in the same order, 64 bytes each."""

    def sign_bytes(self, chain_id: bytes) -> bytes:
        """Return the bytes that every signer signed, for the chain `chain_id`."""
        return sign_bytes(chain_id, self.kind, self.height, self.round, NO_ROUND, self.block_id)

    def votes(self) -> list[Vote]:
        """Return the votes it is made of."""
        return [
            Vote(self.kind, self.height, self.round, self.block_id, signer, signature)
            for signer, signature in zip(self.signers, self.signatures, strict=True)
        ]


class Proposal(NamedTuple):
    """A signed proposal with its block and, if it has a valid round, the certificate of that round's prevotes."""

    height: int
    round: int
    valid_round: int
    block_id: bytes
    validator: int
    """The proposer's position in the validator set of that height."""
    signature: bytes
    block: bytes
    certificate: Certificate | None = None

    def sign_bytes(self, chain_id: bytes) -> bytes:
        """Return the bytes under the signature, for the chain `chain_id`.

        The block is bound by its identifier, the certificate by itself.
        """
        return sign_bytes(chain_id, PROPOSAL, self.height, self.round, self.valid_round, self.block_id)

    def statement(self) -> Statement:
        """Return what is signed, for evidence."""
        return Statement(
            PROPOSAL, self.height, self.round, self.valid_round, self.block_id, self.validator, self.signature
        )


class Decision(NamedTuple):
    """A decided block with the certificate of precommits that decided it: for who lags behind."""

    block: bytes
    certificate: Certificate

    @property
    def height(self) -> int:
        """The decided height."""
        return self.certificate.height


class Status(NamedTuple):
    """Where a validator stands and which votes of its round it has; who has more sends it what is missing.

    Not signed: the transport says who sent it, and a false one costs its sender nothing but messages it asked for.
    """

    height: int
    round: int
    step: int
    """0 propose, 1 prevote, 2 precommit."""
    has_proposal: bool
    previous_block_id: bytes
    """The block decided at ``height - 1``, or `NIL` at the first height."""
    validators: int
    """Length of the bitmaps in bits."""
    prevotes: bytes
    """Bitmap of validators whose prevote of this round it has; bit i is ``byte[i // 8] >> (i % 8) & 1``."""
    precommits: bytes


class Evidence(NamedTuple):
    """Two statements that one validator must not both sign: same type, height and round, different content."""

    first: Statement
    second: Statement

    @property
    def height(self) -> int:
        """The height at which it was signed."""
        return self.first.height

    @property
    def validator(self) -> int:
        """Position of the signer in the validator set of that height."""
        return self.first.validator


Message: TypeAlias = Proposal | Vote | Decision | Certificate | Status
"""What one validator sends another."""


def sign_bytes(chain_id: bytes, kind: int, height: int, round_: int, valid_round: int, block_id: bytes) -> bytes:
    """Return the canonical bytes that a validator signs (layout: see the module).

    Args:
        chain_id: 1 to 48 bytes.
        kind: `PROPOSAL`, `PREVOTE` or `PRECOMMIT`.
        height: 1 to `MAX_HEIGHT`.
        round_: 0 to `MAX_ROUND`.
        valid_round: Of a proposal, below its round, or `NO_ROUND`; of a vote `NO_ROUND`.
        block_id: 32 bytes, or `NIL` for a vote.

    Raises:
        MessageError: A field lies outside its limits.
    """
    if not 1 <= len(chain_id) <= MAX_CHAIN_ID_BYTES:
        raise MessageError(f"chain_id: expected 1 to {MAX_CHAIN_ID_BYTES} bytes, got {len(chain_id)}")
    _check_position(kind, height, round_, valid_round, block_id)
    return (
        _SIGN.pack(
            _TAG,
            kind,
            height,
            round_,
            _NO_ROUND_ON_WIRE if valid_round < 0 else valid_round,
            1 if block_id else 0,
            block_id,
            len(chain_id),
        )
        + chain_id
    )


def check_intent(intent: Intent) -> None:
    """Raise `MessageError` if no validator may sign `intent`."""
    _check_position(*intent)


def _check_position(kind: int, height: int, round_: int, valid_round: int, block_id: bytes) -> None:
    """Refuse what no validator may sign."""
    if kind not in (PROPOSAL, PREVOTE, PRECOMMIT):
        raise MessageError(f"kind: expected 1, 2 or 3, got {kind}")
    if not 1 <= height <= MAX_HEIGHT:
        raise MessageError(f"height: expected 1 to {MAX_HEIGHT}, got {height}")
    if not 0 <= round_ <= MAX_ROUND:
        raise MessageError(f"round: expected 0 to {MAX_ROUND}, got {round_}")
    if kind == PROPOSAL:
        if not -1 <= valid_round < round_:
            raise MessageError(f"valid_round: expected -1 to {round_ - 1}, below the round, got {valid_round}")
        if len(block_id) != 32:
            raise MessageError(f"block_id: expected 32 bytes, got {len(block_id)}")
        return
    if valid_round != NO_ROUND:
        raise MessageError(f"valid_round: expected none for a vote, got {valid_round}")
    if len(block_id) not in (0, 32):
        raise MessageError(f"block_id: expected 32 bytes or NIL, got {len(block_id)} bytes")


class _Reader:
    """Takes fields off bytes; whatever is missing or left over is a `MessageError`."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int, what: str) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise MessageError(f"{what}: expected {count} bytes, got {len(self._data) - self._at}")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def unpack(self, layout: struct.Struct, what: str) -> tuple[int, ...]:
        return layout.unpack(self.take(layout.size, what))

    def end(self) -> None:
        if self._at != len(self._data):
            raise MessageError(f"message: {len(self._data) - self._at} bytes are left over")


def _block_id(present: int, digest: bytes) -> bytes:
    """Return the identifier of a presence byte and 32 bytes."""
    if present == 1:
        return digest
    if present != 0 or any(digest):
        raise MessageError("block_id: expected 1 and an identifier, or 33 zero bytes")
    return NIL


def _round_on_wire(round_: int) -> int:
    return _NO_ROUND_ON_WIRE if round_ < 0 else round_


def _check_validator(validator: int) -> None:
    if not 0 <= validator < MAX_VALIDATORS:
        raise MessageError(f"validator: expected 0 to {MAX_VALIDATORS - 1}, got {validator}")


def _check_signature(signature: bytes) -> None:
    if len(signature) != 64:
        raise MessageError(f"signature: expected 64 bytes, got {len(signature)}")


def _encode_statement(statement: Statement) -> bytes:
    kind, height, round_, valid_round, block_id, validator, signature = statement
    _check_position(kind, height, round_, valid_round, block_id)
    _check_validator(validator)
    _check_signature(signature)
    present = 1 if block_id else 0
    return _STATEMENT.pack(kind, height, round_, _round_on_wire(valid_round), validator, present, block_id, signature)


def _read_statement(reader: _Reader) -> Statement:
    kind, height, round_, valid_wire, validator, present, digest, signature = _STATEMENT.unpack(
        reader.take(_STATEMENT.size, "statement")
    )
    valid_round = NO_ROUND if valid_wire == _NO_ROUND_ON_WIRE else valid_wire
    block_id = _block_id(present, digest)
    _check_position(kind, height, round_, valid_round, block_id)
    _check_validator(validator)
    return Statement(kind, height, round_, valid_round, block_id, validator, signature)


def _bitmap_bytes(validators: int) -> int:
    return (validators + 7) // 8


def _check_bitmap(bitmap: bytes, validators: int, what: str) -> None:
    """Refuse a bitmap of another length, and bits beyond the set."""
    if len(bitmap) != _bitmap_bytes(validators):
        raise MessageError(f"{what}: expected {_bitmap_bytes(validators)} bytes, got {len(bitmap)}")
    if validators % 8 and bitmap[-1] >> (validators % 8):
        raise MessageError(f"{what}: a bit beyond the {validators} validators is set")


def encode_certificate(certificate: Certificate) -> bytes:
    """Return the bytes of `certificate`: type 1, height 8, round 4, block 32, validators 2, bitmap, signatures 64 each.

    Raises:
        MessageError: A field lies outside its limits, or the signers are not ascending positions of the set.
    """
    kind, height, round_, block_id, validators, signers, signatures = certificate
    _check_certificate_fields(kind, height, round_, validators)
    if len(block_id) != 32:
        raise MessageError(f"block_id: expected 32 bytes, got {len(block_id)}")
    if len(signers) != len(signatures):
        raise MessageError(f"signatures: expected {len(signers)}, one for each signer, got {len(signatures)}")
    bitmap = bytearray(_bitmap_bytes(validators))
    previous = -1
    for signer, signature in zip(signers, signatures, strict=True):
        if not previous < signer < validators:
            raise MessageError(f"signers: expected ascending positions below {validators}, got {signer}")
        _check_signature(signature)
        bitmap[signer >> 3] |= 1 << (signer & 7)
        previous = signer
    return _CERTIFICATE.pack(kind, height, round_, block_id, validators) + bytes(bitmap) + b"".join(signatures)


def _check_certificate_fields(kind: int, height: int, round_: int, validators: int) -> None:
    if kind not in (PREVOTE, PRECOMMIT):
        raise MessageError(f"certificate: expected prevotes (2) or precommits (3), got {kind}")
    _check_position(kind, height, round_, NO_ROUND, NIL)
    if not 1 <= validators <= MAX_VALIDATORS:
        raise MessageError(f"validators: expected 1 to {MAX_VALIDATORS}, got {validators}")


def _read_certificate(reader: _Reader) -> Certificate:
    kind, height, round_, block_id, validators = _CERTIFICATE.unpack(reader.take(_CERTIFICATE.size, "certificate"))
    _check_certificate_fields(kind, height, round_, validators)
    bitmap = reader.take(_bitmap_bytes(validators), "bitmap")
    _check_bitmap(bitmap, validators, "bitmap")
    signers = tuple([8 * at + bit for at, byte in enumerate(bitmap) for bit in _BITS[byte]])
    signatures = struct.unpack("64s" * len(signers), reader.take(64 * len(signers), "signatures"))
    return Certificate(kind, height, round_, block_id, validators, signers, signatures)


def decode_certificate(data: bytes) -> Certificate:
    """Return the certificate that `data` encodes. It proves nothing before it is checked.

    Raises:
        MessageError: The bytes are no certificate.
    """
    reader = _Reader(data)
    certificate = _read_certificate(reader)
    reader.end()
    return certificate


def encode_evidence(evidence: Evidence) -> bytes:
    """Return the bytes of `evidence`: two statements of 116 bytes, as a vote is encoded.

    Raises:
        MessageError: A field lies outside its limits.
    """
    return _encode_statement(evidence.first) + _encode_statement(evidence.second)


def decode_evidence(data: bytes) -> Evidence:
    """Return the evidence that `data` encodes. It proves nothing before it is checked.

    Raises:
        MessageError: The bytes are no evidence.
    """
    reader = _Reader(data)
    evidence = Evidence(_read_statement(reader), _read_statement(reader))
    reader.end()
    return evidence


def _encode_block(block: bytes) -> bytes:
    if len(block) > MAX_BLOCK_BYTES:
        raise MessageError(f"block: expected at most {MAX_BLOCK_BYTES} bytes, got {len(block)}")
    return _LENGTH.pack(len(block)) + block


def _read_block(reader: _Reader) -> bytes:
    (length,) = reader.unpack(_LENGTH, "block length")
    if length > MAX_BLOCK_BYTES:
        raise MessageError(f"block: expected at most {MAX_BLOCK_BYTES} bytes, got {length}")
    return reader.take(length, "block")


def _encode_status(status: Status) -> bytes:
    height, round_, step, has_proposal, previous, validators, prevotes, precommits = status
    _check_certificate_fields(PREVOTE, height, round_, validators)
    if not 0 <= step <= 2:
        raise MessageError(f"step: expected 0, 1 or 2, got {step}")
    if len(previous) not in (0, 32):
        raise MessageError(f"previous_block_id: expected 32 bytes or NIL, got {len(previous)} bytes")
    _check_bitmap(prevotes, validators, "prevotes")
    _check_bitmap(precommits, validators, "precommits")
    flags = step | (4 if has_proposal else 0)
    return _STATUS.pack(height, round_, flags, 1 if previous else 0, previous, validators) + prevotes + precommits


def _read_status(reader: _Reader) -> Status:
    height, round_, flags, present, digest, validators = _STATUS.unpack(reader.take(_STATUS.size, "status"))
    _check_certificate_fields(PREVOTE, height, round_, validators)
    if flags > 7 or flags & 3 > 2:
        raise MessageError(f"step: expected 0, 1 or 2, and 4 for a proposal, got {flags}")
    previous = _block_id(present, digest)
    size = _bitmap_bytes(validators)
    prevotes, precommits = reader.take(size, "prevotes"), reader.take(size, "precommits")
    _check_bitmap(prevotes, validators, "prevotes")
    _check_bitmap(precommits, validators, "precommits")
    return Status(height, round_, flags & 3, flags >= 4, previous, validators, prevotes, precommits)


def encode(message: Message) -> bytes:
    """Return the bytes of `message`.

    Raises:
        MessageError: A field lies outside its limits.
        TypeError: Not a message.
    """
    if isinstance(message, Vote):
        return _encode_statement(message.statement())
    if isinstance(message, Proposal):
        certificate = message.certificate
        tail = b"\0" if certificate is None else b"\1" + encode_certificate(certificate)
        return _encode_statement(message.statement()) + _encode_block(message.block) + tail
    if isinstance(message, Decision):
        return bytes([_TYPE_DECISION]) + _encode_block(message.block) + encode_certificate(message.certificate)
    if isinstance(message, Status):
        return bytes([_TYPE_STATUS]) + _encode_status(message)
    if isinstance(message, Certificate):
        return bytes([_TYPE_CERTIFICATE]) + encode_certificate(message)
    raise TypeError(
        f"message: expected a Proposal, Vote, Decision, Certificate or Status, got {type(message).__name__}"
    )


def _read_proposal(reader: _Reader) -> Proposal:
    _, height, round_, valid_round, block_id, validator, signature = _read_statement(reader)
    block = _read_block(reader)
    present = reader.take(1, "certificate flag")[0]
    if present > 1:
        raise MessageError(f"certificate flag: expected 0 or 1, got {present}")
    certificate = _read_certificate(reader) if present else None
    return Proposal(height, round_, valid_round, block_id, validator, signature, block, certificate)


def decode(data: bytes) -> Message:
    """Return the message that `data` encodes. No signature has been checked.

    Raises:
        MessageError: The bytes are no message.
    """
    if not data:
        raise MessageError("message: expected at least 1 byte, got none")
    kind = data[0]
    reader = _Reader(data)
    message: Message
    if kind == PROPOSAL:
        message = _read_proposal(reader)
    elif kind in (PREVOTE, PRECOMMIT):
        _, height, round_, _, block_id, validator, signature = _read_statement(reader)
        message = Vote(kind, height, round_, block_id, validator, signature)
    elif kind == _TYPE_DECISION:
        reader.take(1, "type")
        message = Decision(_read_block(reader), _read_certificate(reader))
    elif kind == _TYPE_STATUS:
        reader.take(1, "type")
        message = _read_status(reader)
    elif kind == _TYPE_CERTIFICATE:
        reader.take(1, "type")
        message = _read_certificate(reader)
    else:
        raise MessageError(f"type: expected 1 to 6, got {kind}")
    reader.end()
    return message
