"""OpenSSL's libcrypto, as its documentation recommends: through EVP, one item at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from accel._libcrypto import Libcrypto, OpenSSLMissingError, PrivateKey, PublicKey, signature_from_der, signature_to_der
from accel.bench.peers._peer import Missing, Peer
from accel.bench.peers._single import Single

NAME = "OpenSSL"


def find() -> Peer | Missing:
    """Look for OpenSSL 3 with SM2 and SM3."""
    try:
        library = Libcrypto()
    except OpenSSLMissingError as error:
        return Missing(NAME, str(error))

    def verify(key: bytes, signature: bytes, digest: bytes) -> Callable[[], bool]:
        return partial(PublicKey(library, key).verify_digest, signature_to_der(signature), digest)

    def verify_message(key: bytes, signature: bytes, message: bytes) -> Callable[[], bool]:
        return partial(PublicKey(library, key).verify, signature_to_der(signature), message)

    def sign(secret: bytes, key: bytes, digest: bytes) -> Callable[[], bytes]:
        return partial(PrivateKey(library, secret, key).sign_digest, digest)

    def sign_message(secret: bytes, key: bytes, message: bytes) -> Callable[[], bytes]:
        return partial(PrivateKey(library, secret, key).sign, message)

    calls = Single(
        NAME,
        hash=library.sm3,
        verify=verify,
        verify_message=verify_message,
        sign=sign,
        sign_message=sign_message,
        raw=signature_from_der,
        generate=partial(PrivateKey.generate, library),
        pair=PrivateKey.numbers,
    )
    return Peer(
        NAME,
        library.version.removeprefix("OpenSSL ").split()[0],
        "libcrypto's EVP functions through ctypes, keys loaded before; the way from Python takes a microsecond or two, "
        "which short hashes feel (bench/native calls it from C++)",
        calls.operations(),
    )
