"""SM2 keys, and single signatures."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from accel import _native
from accel.batch import ByteArray, Messages, as_messages, as_output
from accel.errors import ArgumentError, InvalidSignature
from accel.sm2 import _common
from accel.sm2._common import LEFT_OUT, OK, STATUS_NAMES, Encoding, OptionalId, SignatureLengthError

if TYPE_CHECKING:
    from typing_extensions import Buffer


def _single_signature(signature: Buffer, encoding: Encoding) -> ByteArray:
    """Return one signature as a (1, 64) array."""
    _common.check_encoding(encoding)
    if encoding == "der":
        rows, status = _common.signatures_from_der([signature])
        if status[0] != OK:
            raise InvalidSignature("signature: not a SEQUENCE of two INTEGERs in DER")
        return rows
    data = _common.byte_view(signature, "signature")
    if len(data) != 64:
        raise SignatureLengthError(f"signature: expected 64 bytes r ‖ s, got {len(data)}")
    return np.frombuffer(data, np.uint8).reshape(1, 64)


def _single_digest(digest: Buffer) -> ByteArray:
    """Return one digest as a (1, 32) array."""
    data = _common.byte_view(digest, "digest")
    if len(data) != 32:
        raise ArgumentError(f"digest: expected 32 bytes, got {len(data)}")
    return np.frombuffer(data, np.uint8).reshape(1, 32)


def _encoded(signatures: ByteArray, encoding: Encoding) -> bytes:
    """Return the one signature of a (1, 64) array."""
    return signatures.tobytes() if encoding == "raw" else _common.signatures_to_der(signatures)[0]


class PublicKey:
    """A point of the curve. Immutable; equal keys have equal hashes.

    Make one with `from_bytes`, `from_hex`, `from_der` or `from_pem`: each checks that the point is on the curve, so
    verifying with a `PublicKey` never meets a bad key.
    """

    __slots__ = ("_raw",)

    _raw: bytes

    def __init__(self) -> None:
        raise TypeError("PublicKey: use from_bytes, from_hex, from_der or from_pem")

    @classmethod
    def _make(cls, raw: bytes) -> PublicKey:
        key = cls.__new__(cls)
        key._raw = raw
        return key

    @classmethod
    def from_bytes(cls, point: Buffer) -> PublicKey:
        """Take x ‖ y (64 bytes), or a point of SEC 1: 04 ‖ x ‖ y (65 bytes), 02 or 03 ‖ x (33 bytes, compressed).

        Raises:
            TypeError: `point` is not bytes-like.
            EncodingError: Another length or form; hybrid points (06, 07) are refused.
            BadKeyError: Not a point of the curve.
        """
        return cls._make(_native.sm2_public_key_from_point(point))

    @classmethod
    def from_hex(cls, text: str) -> PublicKey:
        """Take hexadecimal digits of what `from_bytes` takes.

        Raises:
            TypeError: `text` is no str.
            ArgumentError: `text` is not hexadecimal.
            EncodingError: Another length or form.
            BadKeyError: Not a point of the curve.
        """
        return cls.from_bytes(_common.from_hex(text))

    @classmethod
    def from_der(cls, der: Buffer) -> PublicKey:
        """Take a SubjectPublicKeyInfo (RFC 5480) of the named curve SM2, in DER.

        Raises:
            TypeError: `der` is not bytes-like.
            EncodingError: Not canonical DER, another kind of key, another curve, or explicit curve parameters.
            BadKeyError: Not a point of the curve.
        """
        return cls._make(_native.sm2_public_key_from_der(der))

    @classmethod
    def from_pem(cls, pem: str | Buffer) -> PublicKey:
        """Take PEM (RFC 7468) with the label ``PUBLIC KEY``; text before it is ignored.

        Raises:
            TypeError: `pem` is neither str nor bytes-like.
            EncodingError: Not PEM, another label, or as in `from_der`.
            BadKeyError: Not a point of the curve.
        """
        return cls._make(_native.sm2_public_key_from_pem(_common.pem_bytes(pem)))

    @property
    def raw(self) -> bytes:
        """x ‖ y, 64 bytes."""
        return self._raw

    def to_bytes(self, *, compressed: bool = False) -> bytes:
        """Return the point as SEC 1 has it: 04 ‖ x ‖ y (65 bytes), or, with `compressed`, 02 or 03 ‖ x (33 bytes)."""
        if compressed:
            return bytes([2 + self._raw[63] % 2]) + self._raw[:32]
        return b"\x04" + self._raw

    def to_hex(self, *, compressed: bool = False) -> str:
        """Return `to_bytes` (65 bytes; 33 with `compressed`) in hexadecimal digits."""
        return self.to_bytes(compressed=compressed).hex()

    def to_der(self) -> bytes:
        """Return a SubjectPublicKeyInfo (RFC 5480) with the uncompressed point: 91 bytes."""
        return _native.sm2_public_key_to_der(self._raw)

    def to_pem(self) -> str:
        """Return PEM (RFC 7468) with the label ``PUBLIC KEY``."""
        return _native.sm2_public_key_to_pem(self._raw).decode("ascii")

    def verify(
        self,
        signature: Buffer,
        message: Buffer,
        *,
        id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
        encoding: Encoding = "raw",
    ) -> None:
        """Verify one signature over a message (GB/T 32918.2, section 7.1); return only if it is valid.

        Args:
            signature: r ‖ s (64 bytes), or DER with ``encoding="der"``.
            message: Any bytes.
            id: The signer's ID (at most 8,191 bytes), or `NO_ZA`; left out: `DEFAULT_ID`.
            encoding: ``raw`` or ``der``.

        Raises:
            InvalidSignature: The signature is not valid, malformed, or (`SignatureLengthError`) not 64 bytes long.
            TypeError: An argument has another type; `id` must not be a str.
            ArgumentError: `id` is too long, or `encoding` unknown.
        """
        identity = _common.native_id(id)
        batch = as_messages([message], "message")
        rows = _single_signature(signature, encoding)
        status = np.zeros(1, np.uint8)
        _native.sm2_verify(status, self._row(), rows, batch, identity)
        self._require_ok(status)

    def verify_digest(self, signature: Buffer, digest: Buffer, *, encoding: Encoding = "raw") -> None:
        """Verify one signature over a digest e (see `digest_many`); return only if it is valid.

        Args:
            signature: r ‖ s (64 bytes), or DER with ``encoding="der"``.
            digest: 32 bytes; any value is valid.
            encoding: ``raw`` or ``der``.

        Raises:
            InvalidSignature: The signature is not valid, malformed, or (`SignatureLengthError`) not 64 bytes long.
            TypeError: An argument is not bytes-like.
            ArgumentError: `digest` has another length, or `encoding` is unknown.
        """
        rows = _single_signature(signature, encoding)
        status = np.zeros(1, np.uint8)
        _native.sm2_verify_digests(status, self._row(), rows, _single_digest(digest))
        self._require_ok(status)

    def _row(self) -> ByteArray:
        return np.frombuffer(self._raw, np.uint8).reshape(1, 64)

    @staticmethod
    def _require_ok(status: ByteArray) -> None:
        if status[0] != OK:
            raise InvalidSignature(f"the signature is not valid: {STATUS_NAMES[int(status[0])]}")

    def __eq__(self, other: object) -> bool:
        return self._raw == other._raw if isinstance(other, PublicKey) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._raw)

    def __repr__(self) -> str:
        return f"PublicKey.from_hex({self.to_hex(compressed=True)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return (PublicKey.from_bytes, (self._raw,))


class PrivateKey:
    """A number from 1 to n-2, kept in native memory that is wiped when the object goes.

    Make one with `generate`, `from_bytes`, `from_hex`, `from_der` or `from_pem`. It is never printed and never pickled.
    """

    __slots__ = ("_key", "_public_key")

    _key: _native.Sm2PrivateKey
    _public_key: PublicKey

    def __init__(self) -> None:
        raise TypeError("PrivateKey: use generate, from_bytes, from_hex, from_der or from_pem")

    @classmethod
    def _make(cls, native: _native.Sm2PrivateKey) -> PrivateKey:
        key = cls.__new__(cls)
        key._key = native
        key._public_key = PublicKey._make(native.public_key())
        return key

    @classmethod
    def generate(cls) -> PrivateKey:
        """Draw a key from the system's random number generator.

        Raises:
            OSError: The generator failed.
        """
        return cls._make(_native.Sm2PrivateKey.generate())

    @classmethod
    def from_bytes(cls, secret: Buffer) -> PrivateKey:
        """Take 32 bytes, big-endian.

        Raises:
            TypeError: `secret` is not bytes-like.
            ArgumentError: `secret` has another length.
            BadKeyError: Outside 1 to n-2.
        """
        return cls._make(_native.Sm2PrivateKey.from_bytes(secret))

    @classmethod
    def from_hex(cls, text: str) -> PrivateKey:
        """Take 64 hexadecimal digits. Python converts them, in time that may depend on their values.

        Raises:
            TypeError: `text` is no str.
            ArgumentError: `text` is not hexadecimal, or has another length.
            BadKeyError: Outside 1 to n-2.
        """
        return cls.from_bytes(_common.from_hex(text))

    @classmethod
    def from_der(cls, der: Buffer) -> PrivateKey:
        """Take PKCS #8 (RFC 5208, RFC 5958) or ECPrivateKey (RFC 5915) in DER, of the named curve SM2.

        Raises:
            TypeError: `der` is not bytes-like.
            EncodingError: Not canonical DER, another kind of key, another curve, explicit parameters, or encrypted.
            BadKeyError: Outside 1 to n-2, or the public key inside belongs to another key.
        """
        return cls._make(_native.Sm2PrivateKey.from_der(der))

    @classmethod
    def from_pem(cls, pem: str | Buffer) -> PrivateKey:
        """Take PEM with the label ``PRIVATE KEY``, ``EC PRIVATE KEY`` or ``SM2 PRIVATE KEY``.

        Text before it is ignored, and a block ``EC PARAMETERS`` or ``SM2 PARAMETERS`` before it allowed. The Base64 is
        decoded in constant time.

        Raises:
            TypeError: `pem` is neither str nor bytes-like.
            EncodingError: Not PEM, another label, or as in `from_der`.
            BadKeyError: As in `from_der`.
        """
        return cls._make(_native.Sm2PrivateKey.from_pem(_common.pem_bytes(pem)))

    @property
    def public_key(self) -> PublicKey:
        """The public key."""
        return self._public_key

    def to_bytes(self) -> bytes:
        """Return the secret: 32 bytes, big-endian."""
        return self._key.secret()

    def to_hex(self) -> str:
        """Return the secret in 64 hexadecimal digits. Python converts it, in time that may depend on its value."""
        return self._key.secret().hex()

    def to_der(self) -> bytes:
        """Return PKCS #8 (RFC 5958), not encrypted, with the public key inside: 138 bytes."""
        return self._key.to_der()

    def to_pem(self) -> str:
        """Return PEM (RFC 7468) with the label ``PRIVATE KEY``, not encrypted."""
        return self._key.to_pem().decode("ascii")

    def sign(
        self,
        message: Buffer,
        *,
        id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
        encoding: Encoding = "raw",
    ) -> bytes:
        """Sign a message (GB/T 32918.2, section 6.1), with a nonce from the system's generator, the key and the digest.

        Args:
            message: Any bytes.
            id: This signer's ID (at most 8,191 bytes), or `NO_ZA`; left out: `DEFAULT_ID`.
            encoding: ``raw`` or ``der``.

        Returns:
            r ‖ s (64 bytes), or DER (at most 72 bytes).

        Raises:
            TypeError: An argument has another type; `id` must not be a str.
            ArgumentError: `id` is too long, or `encoding` unknown.
            OSError: The system's random number generator failed.
        """
        _common.check_encoding(encoding)
        identity = _common.native_id(id)
        signatures = np.empty((1, 64), np.uint8)
        _native.sm2_sign(signatures, [self._key], None, as_messages([message], "message"), identity)
        return _encoded(signatures, encoding)

    def sign_digest(self, digest: Buffer, *, encoding: Encoding = "raw") -> bytes:
        """Sign a digest e (see `digest_many`).

        Args:
            digest: 32 bytes; any value is valid.
            encoding: ``raw`` or ``der``.

        Returns:
            r ‖ s (64 bytes), or DER (at most 72 bytes).

        Raises:
            TypeError: `digest` is not bytes-like.
            ArgumentError: `digest` has another length, or `encoding` is unknown.
            OSError: The system's random number generator failed.
        """
        _common.check_encoding(encoding)
        signatures = np.empty((1, 64), np.uint8)
        _native.sm2_sign_digests(signatures, [self._key], None, _single_digest(digest))
        return _encoded(signatures, encoding)

    def sign_many(
        self,
        messages: Messages,
        *,
        id: OptionalId = LEFT_OUT,  # noqa: A002 - the standard's name
        out: ByteArray | None = None,
    ) -> ByteArray:
        """Sign N messages with this key; as `accel.sm2.sign_many` with one key.

        Args:
            messages: N messages, in any form that `accel.batch` lists.
            id: This signer's ID (at most 8,191 bytes), or `NO_ZA`; left out: `DEFAULT_ID`.
            out: None, or a writable C-contiguous (N, 64) uint8 array that shares no memory with the messages: written
                and returned.

        Returns:
            An (N, 64) uint8 array of r ‖ s.

        Raises:
            TypeError: An argument has another type or dtype; `id` must not be a str.
            ArgumentError: An argument has another shape, stride or value.
            OSError: The system's random number generator failed.
        """
        identity = _common.native_id(id)
        batch = as_messages(messages)
        signatures = as_output(out, (len(batch), 64), "out", batch)
        _native.sm2_sign(signatures, [self._key], None, batch, identity)
        return signatures

    def __repr__(self) -> str:
        """Show the public key, never the secret."""
        return f"<PrivateKey of {self._public_key.to_hex(compressed=True)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("PrivateKey: not pickled or copied, so that secrets do not spread unseen; use to_bytes")


def generate_many(count: int) -> list[PrivateKey]:
    """Draw `count` keys from the system's random number generator, on all threads of the pool and without the GIL.

    Several times faster than `PrivateKey.generate` for each.

    Raises:
        TypeError: `count` is no integer.
        ArgumentError: `count` is negative.
        OSError: The generator failed.
        MemoryError: So many keys do not fit into memory.
    """
    wanted = operator.index(count)
    if wanted < 0:
        raise ArgumentError(f"count: expected 0 or more, got {wanted}")
    if wanted >= 2**40:
        raise MemoryError(f"count: {wanted} keys do not fit into memory")
    return [PrivateKey._make(native) for native in _native.Sm2PrivateKey.generate_many(wanted)]
