"""Packages from PyPI, each called as its documentation shows, keys loaded before the clock runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata

from accel._libcrypto import signature_from_der, signature_to_der
from accel.bench.peers._peer import Missing, Peer
from accel.bench.peers._single import Single
from accel.sm2 import DEFAULT_ID

# In pure Python a signature takes 5 to 20 ms, a block of SM3 half a millisecond.
_SLOW_ITEMS, _SLOW_HASH_BYTES = 2, 2048


def find() -> list[Peer | Missing]:
    """Look for the packages."""
    return [_find(package) for package in _PACKAGES]


@dataclass(frozen=True)
class _Package:
    """A distribution, and the function that imports it and returns its calls."""

    name: str
    how: str
    calls: Callable[[str], Single]


def _find(package: _Package) -> Peer | Missing:
    try:
        version = metadata.version(package.name)
    except metadata.PackageNotFoundError:
        return Missing(package.name, "not installed; it is in the extra `bench`")
    try:
        operations = package.calls(package.name).operations()
    except Exception as error:  # whatever a stranger's code raises: it is not measured then
        return Missing(package.name, f"{version} does not work here: {error}")
    return Peer(package.name, version, package.how, operations)


def _gmssl(name: str) -> Single:
    from gmssl import sm2, sm3  # noqa: PLC0415  optional, like all packages here

    def key(public_key: bytes, secret: bytes = b"") -> sm2.CryptSM2:
        made = sm2.CryptSM2(private_key=secret.hex(), public_key="")
        made.public_key = public_key.hex()  # the constructor strips every leading 0 and 4 of what starts with 04
        return made

    def sign(secret: bytes, public_key: bytes, digest: bytes) -> Callable[[], bytes]:
        signer = key(public_key, secret)
        return lambda: bytes.fromhex(signer.sign(digest, secrets.token_hex(32)))

    def sign_message(secret: bytes, public_key: bytes, message: bytes) -> Callable[[], bytes]:
        signer = key(public_key, secret)
        return lambda: bytes.fromhex(signer.sign_with_sm3(message))

    return Single(
        name,
        hash=lambda message: bytes.fromhex(sm3.sm3_hash(list(message))),
        verify=lambda public_key, signature, digest: partial(key(public_key).verify, signature.hex(), digest),
        verify_message=lambda public_key, signature, message: partial(
            key(public_key).verify_with_sm3, signature.hex(), message
        ),
        sign=sign,
        sign_message=sign_message,
        items=_SLOW_ITEMS,
        hash_bytes=_SLOW_HASH_BYTES,
    )


def _gmssl_pyx(name: str) -> Single:
    import gmssl_pyx  # noqa: PLC0415

    def verify(key: bytes, signature: bytes, digest: bytes) -> Callable[[], bool]:
        return partial(gmssl_pyx.sm2_verify_sm3_digest, key, digest, signature_to_der(signature))

    def verify_message(key: bytes, signature: bytes, message: bytes) -> Callable[[], bool]:
        return partial(gmssl_pyx.sm2_verify, key, message, signature_to_der(signature))

    def generate() -> tuple[bytes, bytes]:
        public_key, secret = gmssl_pyx.sm2_key_generate()
        return secret, public_key

    return Single(
        name,
        hash=gmssl_pyx.sm3_hash,
        verify=verify,
        verify_message=verify_message,
        sign=lambda secret, _, digest: partial(gmssl_pyx.sm2_sign_sm3_digest, secret, digest),
        sign_message=lambda secret, key, message: partial(gmssl_pyx.sm2_sign, secret, key, message),
        raw=signature_from_der,
        generate=generate,
        talks=True,
    )


def _gmssl_fast(name: str) -> Single:
    import gmssl_fast  # noqa: PLC0415

    def verify_message(key: bytes, signature: bytes, message: bytes) -> Callable[[], bool]:
        return partial(gmssl_fast.SM2(public_key=key.hex()).verify, message, signature)

    def sign_message(secret: bytes, key: bytes, message: bytes) -> Callable[[], bytes]:
        return partial(gmssl_fast.SM2(private_key=secret.hex(), public_key=key.hex()).sign, message)

    return Single(name, hash=gmssl_fast.sm3, verify_message=verify_message, sign_message=sign_message, talks=True)


def _tongsuopy(name: str) -> Single:
    from tongsuopy.crypto import exceptions, hashes  # noqa: PLC0415
    from tongsuopy.crypto.asymciphers import ec  # noqa: PLC0415

    algorithm = ec.ECDSA(hashes.SM3())

    def numbers(key: bytes) -> ec.EllipticCurvePublicNumbers:
        return ec.EllipticCurvePublicNumbers(int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big"), ec.SM2())

    def sm3(message: bytes) -> bytes:
        running = hashes.Hash(hashes.SM3())
        running.update(message)
        return bytes(running.finalize())

    def verify_message(key: bytes, signature: bytes, message: bytes) -> Callable[[], bool]:
        loaded, der = numbers(key).public_key(), signature_to_der(signature)

        def call() -> bool:
            try:
                loaded.verify(der, message, algorithm)
            except exceptions.InvalidSignature:
                return False
            return True

        return call

    def sign_message(secret: bytes, key: bytes, message: bytes) -> Callable[[], bytes]:
        loaded = ec.EllipticCurvePrivateNumbers(int.from_bytes(secret, "big"), numbers(key)).private_key()
        return partial(loaded.sign, message, algorithm)

    def pair(key: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
        private = key.private_numbers()
        point = private.public_numbers.x, private.public_numbers.y
        return private.private_value.to_bytes(32, "big"), b"".join(part.to_bytes(32, "big") for part in point)

    return Single(
        name,
        hash=sm3,
        verify_message=verify_message,
        sign_message=sign_message,
        raw=signature_from_der,
        generate=partial(ec.generate_private_key, ec.SM2()),
        pair=pair,
    )


def _cryptography(name: str) -> Single:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    algorithm = hashes.SM3()

    def sm3(message: bytes) -> bytes:
        running = hashes.Hash(algorithm)
        running.update(message)
        return running.finalize()

    return Single(name, hash=sm3)


def _gmalg(name: str) -> Single:
    import gmalg  # noqa: PLC0415

    def sm3(message: bytes) -> bytes:
        running = gmalg.SM3()
        running.update(message)
        return bytes(running.value())

    def verify_message(key: bytes, signature: bytes, message: bytes) -> Callable[[], bool]:
        verifier = gmalg.SM2(None, DEFAULT_ID, b"\x04" + key)
        return partial(verifier.verify, message, signature[:32], signature[32:])

    def sign_message(secret: bytes, key: bytes, message: bytes) -> Callable[[], bytes]:
        signer = gmalg.SM2(secret, DEFAULT_ID, b"\x04" + key)
        return lambda: b"".join(part.rjust(32, b"\0") for part in signer.sign(message))

    return Single(
        name,
        hash=sm3,
        verify_message=verify_message,
        sign_message=sign_message,
        generate=gmalg.SM2().generate_keypair,
        pair=lambda pair: (pair[0].rjust(32, b"\0"), pair[1][1:]),
        items=_SLOW_ITEMS,
        hash_bytes=_SLOW_HASH_BYTES,
    )


def _snowland_smx(name: str) -> Single:
    from pysmx import SM2, SM3  # noqa: PLC0415

    def verify_message(key: bytes, signature: bytes, message: bytes) -> Callable[[], bool]:
        return lambda: bool(SM2.Verify(signature, message, key, uid=DEFAULT_ID))

    def sign_message(secret: bytes, _: bytes, message: bytes) -> Callable[[], bytes]:
        return lambda: bytes(SM2.Sign(message, secret, secrets.token_hex(32), 64, uid=DEFAULT_ID))

    return Single(
        name,
        hash=SM3.digest,
        verify_message=verify_message,
        sign_message=sign_message,
        generate=SM2.generate_keypair,
        pair=lambda pair: (pair.privateKey, pair.publicKey),
        items=_SLOW_ITEMS,
        hash_bytes=_SLOW_HASH_BYTES,
    )


_PACKAGES = (
    _Package("gmssl_pyx", "GmSSL's C library through a Cython module, which loads the key in each call", _gmssl_pyx),
    _Package("gmssl-fast", "GmSSL's C library through a Rust module, one object a key", _gmssl_fast),
    _Package("tongsuopy", "Tongsuo (OpenSSL's fork) through cffi, with the interface of pyca/cryptography", _tongsuopy),
    _Package("cryptography", "hashes.SM3 of pyca/cryptography, over the OpenSSL in its wheel", _cryptography),
    _Package("gmssl", "pure Python; hexadecimal strings are made before the clock runs", _gmssl),
    _Package("gmalg", "pure Python, one object a key", _gmalg),
    _Package("snowland-smx", "pure Python, the functions Verify, Sign and digest of pysmx", _snowland_smx),
)
