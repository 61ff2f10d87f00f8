"""The PyPI package gmssl: a second implementation of SM2 and SM3, in pure Python and independent of OpenSSL.

Slow (about 20 ms a signature), so for small samples. Its interface takes and gives hexadecimal strings.
"""

from __future__ import annotations

from gmssl import sm2, sm3


def digest(message: bytes) -> bytes:
    """SM3(message)."""
    return bytes.fromhex(sm3.sm3_hash(list(message)))


def _crypt(public_key: bytes, secret: int) -> sm2.CryptSM2:
    crypt = sm2.CryptSM2(private_key=f"{secret:064x}", public_key="")
    # Not through the constructor: it strips every leading 0 and 4 from a key whose hexadecimal starts with 04.
    crypt.public_key = public_key.hex()
    return crypt


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether r || s is valid over SM3(ZA || message) with the default ID."""
    return bool(_crypt(public_key, 0).verify_with_sm3(signature.hex(), message))


def sign(secret: int, public_key: bytes, message: bytes) -> bytes:
    """R || s over SM3(ZA || message) with the default ID and a random nonce."""
    return bytes.fromhex(_crypt(public_key, secret).sign_with_sm3(message))
