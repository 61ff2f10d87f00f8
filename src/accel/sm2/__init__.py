"""SM2 signatures (GB/T 32918, ISO/IEC 14888-3) over the recommended curve: keys, signing, verifying, in batches.

What is signed is a digest e = SM3(ZA ‖ M) (GB/T 32918.2, sections 5.5 and 6.1): M is the message, ZA binds the signer's
ID and public key. ``id=`` takes bytes, or `NO_ZA` for protocols that leave ZA out (e = SM3(M)); left out, it is
`DEFAULT_ID`.

A public key is x ‖ y (64 bytes), a signature r ‖ s (64 bytes), a digest 32 bytes; all big-endian. Batches give one
status per item and never raise for bad data: the first check that fails is the item's status, in the order key
(`BAD_KEY`), range (`BAD_RANGE`), equation (`BAD_SIGNATURE`).

Signing and everything else that touches a private key inside the native library takes the same time for every key.
Python's own objects that hold secrets, such as the bytes of `PrivateKey.to_bytes`, are neither wiped nor constant-time.
"""

from accel.sm2._common import (
    BAD_KEY,
    BAD_RANGE,
    BAD_SIGNATURE,
    DEFAULT_ID,
    NO_ZA,
    NOT_CHECKED,
    OK,
    STATUS_NAMES,
    SignatureLengthError,
    signatures_from_der,
    signatures_to_der,
)
from accel.sm2._keys import PrivateKey, PublicKey, generate_many
from accel.sm2._sign import sign_digest_many, sign_many
from accel.sm2._verifier import PriorityWaits, Verifier, VerifierStats
from accel.sm2._verify import (
    AdaptiveTables,
    KeyRing,
    RingKeys,
    adaptive_tables,
    digest_many,
    recovery_hints,
    verify_digest_many,
    verify_hinted_digest_many,
    verify_hinted_many,
    verify_many,
)

__all__ = [
    "BAD_KEY",
    "BAD_RANGE",
    "BAD_SIGNATURE",
    "DEFAULT_ID",
    "NOT_CHECKED",
    "NO_ZA",
    "OK",
    "STATUS_NAMES",
    "AdaptiveTables",
    "KeyRing",
    "PriorityWaits",
    "PrivateKey",
    "PublicKey",
    "RingKeys",
    "SignatureLengthError",
    "Verifier",
    "VerifierStats",
    "adaptive_tables",
    "digest_many",
    "generate_many",
    "recovery_hints",
    "sign_digest_many",
    "sign_many",
    "signatures_from_der",
    "signatures_to_der",
    "verify_digest_many",
    "verify_hinted_digest_many",
    "verify_hinted_many",
    "verify_many",
]
