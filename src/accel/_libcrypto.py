"""The few calls of OpenSSL's libcrypto that accel is compared with: SM3, SM2 keys and signatures.

Only the demonstration and the benchmark use OpenSSL. This module knows nothing of accel either, so that its verdicts
are a second opinion: it has its own DER writer and lets libcrypto compute ZA.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import sys
import weakref
from collections.abc import Callable, Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from types import TracebackType
from typing import Any, Self

from accel.errors import AccelError

DEFAULT_ID = b"1234567812345678"

_PUBLIC_KEY = 0x86  # EVP_PKEY_PUBLIC_KEY: domain parameters and the public key
_KEY_PAIR = 0x87  # EVP_PKEY_KEYPAIR: those and the private key
_UNSIGNED_INTEGER = 2  # OSSL_PARAM_UNSIGNED_INTEGER, in the machine's byte order
_UTF8_STRING = 4  # OSSL_PARAM_UTF8_STRING
_OCTET_STRING = 5  # OSSL_PARAM_OCTET_STRING
_SIGNATURE_SIZE = 72  # bytes: the longest DER of two 32-byte numbers


class OpenSSLMissingError(AccelError):
    """OpenSSL 3 with SM2, or its command line, is not on this machine."""


class _Param(ctypes.Structure):
    """OSSL_PARAM of openssl/core.h."""

    _fields_ = (
        ("key", c_char_p),
        ("data_type", c_uint),
        ("data", c_void_p),
        ("data_size", c_size_t),
        ("return_size", c_size_t),
    )


_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "OpenSSL_version": (c_char_p, [c_int]),
    "ERR_clear_error": (None, []),
    "EVP_sm3": (c_void_p, []),
    "EVP_Digest": (c_int, [c_char_p, c_size_t, c_char_p, c_void_p, c_void_p, c_void_p]),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, [c_void_p, c_char_p, c_char_p]),
    "EVP_PKEY_CTX_new": (c_void_p, [c_void_p, c_void_p]),
    "EVP_PKEY_CTX_free": (None, [c_void_p]),
    "EVP_PKEY_CTX_set1_id": (c_int, [c_void_p, c_char_p, c_int]),
    "EVP_PKEY_fromdata_init": (c_int, [c_void_p]),
    "EVP_PKEY_fromdata": (c_int, [c_void_p, POINTER(c_void_p), c_int, POINTER(_Param)]),
    "EVP_PKEY_free": (None, [c_void_p]),
    "EVP_MD_CTX_new": (c_void_p, []),
    "EVP_MD_CTX_free": (None, [c_void_p]),
    "EVP_MD_CTX_set_pkey_ctx": (None, [c_void_p, c_void_p]),
    "EVP_DigestVerifyInit": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "EVP_DigestVerify": (c_int, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t]),
    "EVP_PKEY_verify_init": (c_int, [c_void_p]),
    "EVP_PKEY_verify": (c_int, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t]),
    "EVP_PKEY_sign_init": (c_int, [c_void_p]),
    "EVP_PKEY_sign": (c_int, [c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t]),
    "EVP_PKEY_keygen_init": (c_int, [c_void_p]),
    "EVP_PKEY_generate": (c_int, [c_void_p, POINTER(c_void_p)]),
    "EVP_PKEY_get_octet_string_param": (c_int, [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(c_size_t)]),
    "EVP_PKEY_get_bn_param": (c_int, [c_void_p, c_char_p, POINTER(c_void_p)]),
    "BN_bn2binpad": (c_int, [c_void_p, c_char_p, c_int]),
    "BN_clear_free": (None, [c_void_p]),
    "EVP_DigestSignInit": (c_int, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "EVP_DigestSign": (c_int, [c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t]),
}


def _param(name: bytes, kind: int, value: bytes) -> _Param:
    """An OSSL_PARAM over its own copy of the value, which ends in a zero byte, as libcrypto wants of strings."""
    return _Param(name, kind, ctypes.cast(ctypes.create_string_buffer(value), c_void_p), len(value), 0)


def _load() -> ctypes.CDLL:
    """libcrypto with the argument types of the calls above."""
    for name in (ctypes.util.find_library("crypto"), "libcrypto.so.3"):
        if name is None:
            continue
        try:
            library = ctypes.CDLL(name)
            for function, (result, arguments) in _SIGNATURES.items():
                getattr(library, function).restype = result
                getattr(library, function).argtypes = arguments
        except (OSError, AttributeError):  # not there, or older than OpenSSL 3
            continue
        return library
    raise OpenSSLMissingError("libcrypto of OpenSSL 3 was not found: install it with `apt-get install openssl`")


def _der_integer(value: bytes) -> bytes:
    """DER INTEGER of an unsigned big-endian number."""
    digits = value.lstrip(b"\0") or b"\0"
    if digits[0] & 0x80:
        digits = b"\0" + digits
    return bytes((0x02, len(digits))) + digits


def signature_to_der(signature: bytes) -> bytes:
    """DER (SEQUENCE of two INTEGERs) of a 64-byte signature r || s."""
    body = _der_integer(signature[:32]) + _der_integer(signature[32:])
    return bytes((0x30, len(body))) + body


def signature_from_der(der: bytes) -> bytes:
    """r || s (64 bytes) of a DER signature as `signature_to_der` and libcrypto write it."""
    numbers, start = [], 2
    while start < len(der):
        end = start + 2 + der[start + 1]
        numbers.append(int.from_bytes(der[start + 2 : end], "big").to_bytes(32, "big"))
        start = end
    return b"".join(numbers)


class Libcrypto:
    """libcrypto, loaded.

    Raises:
        OpenSSLMissingError: there is no OpenSSL 3 on this machine, or it was built without SM2 or SM3.
    """

    def __init__(self) -> None:
        self.calls = _load()
        self.md = self.calls.EVP_sm3()
        if not self.md:
            raise OpenSSLMissingError("this OpenSSL was built without SM3")

    @property
    def version(self) -> str:
        """For example `OpenSSL 3.0.11 19 Sep 2023`."""
        text: bytes = self.calls.OpenSSL_version(0)
        return text.decode()

    def sm3(self, data: bytes) -> bytes:
        """SM3 digest of `data`, through EVP."""
        digest = ctypes.create_string_buffer(32)
        if self.calls.EVP_Digest(data, len(data), digest, None, self.md, None) != 1:
            raise OpenSSLMissingError("this OpenSSL cannot compute SM3")
        return digest.raw

    def verify(self, public_key: bytes, signature: bytes, message: bytes, signer_id: bytes = DEFAULT_ID) -> bool:
        """Whether r || s is public_key's (x || y) signature of `message`; False also for a bad key."""
        try:
            key = PublicKey(self, public_key)
        except ValueError:
            return False
        with key:
            return key.verify(signature_to_der(signature), message, signer_id)


class PublicKey:
    """An EVP_PKEY with an SM2 public key, freed with the object or by `close`; a context manager that does that.

    Not for several threads at a time: contexts for digests are kept.

    Raises:
        ValueError: `raw` (x || y, 64 bytes) is no point of the curve.
    """

    def __init__(self, library: Libcrypto, raw: bytes) -> None:
        self._adopt(library, _key_from_data(library, [_param(b"pub", _OCTET_STRING, b"\x04" + raw)], _PUBLIC_KEY))

    def _adopt(self, library: Libcrypto, key: c_void_p) -> None:
        self._library = library
        self._calls = library.calls
        self._key = key
        self._free = weakref.finalize(self, library.calls.EVP_PKEY_free, key)
        self._contexts: dict[str, int] = {}

    def verify(self, der: bytes, message: bytes, signer_id: bytes = DEFAULT_ID) -> bool:
        """EVP_DigestVerify of a DER signature over `message`, ZA included."""
        calls = self._calls
        with self._digest_context(calls.EVP_DigestVerifyInit, signer_id) as context:
            valid: int = calls.EVP_DigestVerify(context, der, len(der), message, len(message))
        if valid != 1:
            calls.ERR_clear_error()  # every refusal leaves an entry in the thread's error queue
        return valid == 1

    def verify_digest(self, der: bytes, digest: bytes) -> bool:
        """EVP_PKEY_verify of a DER signature over e (32 bytes)."""
        calls = self._calls
        valid: int = calls.EVP_PKEY_verify(self._context("verify"), der, len(der), digest, len(digest))
        if valid != 1:
            calls.ERR_clear_error()
        return valid == 1

    def _context(self, purpose: str) -> int:
        """The kept EVP_PKEY_CTX for `verify` or `sign`."""
        if purpose not in self._contexts:
            context: int = self._calls.EVP_PKEY_CTX_new(self._key, None)
            weakref.finalize(self, self._calls.EVP_PKEY_CTX_free, context)
            if getattr(self._calls, f"EVP_PKEY_{purpose}_init")(context) != 1:
                raise OpenSSLMissingError(f"this OpenSSL cannot {purpose} SM2")
            self._contexts[purpose] = context
        return self._contexts[purpose]

    @contextlib.contextmanager
    def _digest_context(self, begin: Callable[..., int], signer_id: bytes) -> Iterator[int]:
        """An EVP_MD_CTX, begun with SM3, this key and an ID."""
        calls = self._calls
        digest_context = calls.EVP_MD_CTX_new()
        key_context = calls.EVP_PKEY_CTX_new(self._key, None)
        try:
            calls.EVP_PKEY_CTX_set1_id(key_context, signer_id, len(signer_id))
            calls.EVP_MD_CTX_set_pkey_ctx(digest_context, key_context)
            if begin(digest_context, None, self._library.md, None, self._key) != 1:
                raise OpenSSLMissingError("this OpenSSL cannot sign or verify SM2 with SM3")
            yield digest_context
        finally:
            calls.EVP_MD_CTX_free(digest_context)
            calls.EVP_PKEY_CTX_free(key_context)

    def close(self) -> None:
        """Free the key."""
        self._free()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class PrivateKey(PublicKey):
    """An EVP_PKEY with a private key too: 32 bytes, big-endian.

    Raises:
        ValueError: `raw` is no point of the curve.
    """

    def __init__(self, library: Libcrypto, secret: bytes, raw: bytes) -> None:
        point = _param(b"pub", _OCTET_STRING, b"\x04" + raw)
        number = _param(b"priv", _UNSIGNED_INTEGER, int.from_bytes(secret, "big").to_bytes(32, sys.byteorder))
        self._adopt(library, _key_from_data(library, [point, number], _KEY_PAIR))

    @classmethod
    def generate(cls, library: Libcrypto) -> Self:
        """EVP_PKEY_generate: a new key."""
        calls, key, made = library.calls, cls.__new__(cls), c_void_p()
        context = _new_context(library)
        try:
            if calls.EVP_PKEY_keygen_init(context) != 1 or calls.EVP_PKEY_generate(context, byref(made)) != 1:
                raise OpenSSLMissingError("this OpenSSL cannot generate SM2 keys")
        finally:
            calls.EVP_PKEY_CTX_free(context)
        key._adopt(library, made)
        return key

    def numbers(self) -> tuple[bytes, bytes]:
        """The private key (32 bytes, big-endian) and the public key (x || y)."""
        calls, number, size = self._calls, c_void_p(), c_size_t()
        secret, point = ctypes.create_string_buffer(32), ctypes.create_string_buffer(65)
        calls.EVP_PKEY_get_bn_param(self._key, b"priv", byref(number))
        calls.BN_bn2binpad(number, secret, 32)
        calls.BN_clear_free(number)
        calls.EVP_PKEY_get_octet_string_param(self._key, b"encoded-pub-key", point, 65, byref(size))
        return secret.raw, point.raw[1:]

    def sign(self, message: bytes, signer_id: bytes = DEFAULT_ID) -> bytes:
        """EVP_DigestSign of `message`, ZA included: a DER signature."""
        with self._digest_context(self._calls.EVP_DigestSignInit, signer_id) as context:
            return _signature(self._calls.EVP_DigestSign, context, message)

    def sign_digest(self, digest: bytes) -> bytes:
        """EVP_PKEY_sign of e (32 bytes): a DER signature."""
        return _signature(self._calls.EVP_PKEY_sign, self._context("sign"), digest)


def _signature(sign: Callable[..., int], context: int, data: bytes) -> bytes:
    out, size = ctypes.create_string_buffer(_SIGNATURE_SIZE), c_size_t(_SIGNATURE_SIZE)
    if sign(context, out, byref(size), data, len(data)) != 1:
        raise OpenSSLMissingError("this OpenSSL cannot sign SM2")
    return out.raw[: size.value]


def _new_context(library: Libcrypto) -> int:
    """An EVP_PKEY_CTX for new SM2 keys, to be freed."""
    context: int | None = library.calls.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
    if context is None:
        raise OpenSSLMissingError("this OpenSSL was built without SM2")
    return context


def _key_from_data(library: Libcrypto, numbers: list[_Param], selection: int) -> c_void_p:
    """An EVP_PKEY of the given numbers, to be freed."""
    calls, key = library.calls, c_void_p()
    context = _new_context(library)
    group = _param(b"group", _UTF8_STRING, b"SM2")
    params = (_Param * (len(numbers) + 2))(group, *numbers, _Param(None, 0, None, 0, 0))
    try:
        calls.EVP_PKEY_fromdata_init(context)
        made = calls.EVP_PKEY_fromdata(context, byref(key), selection, params)
    finally:
        calls.EVP_PKEY_CTX_free(context)
    if made != 1:
        calls.ERR_clear_error()
        raise ValueError("public key: not a point of the SM2 curve")
    return key
