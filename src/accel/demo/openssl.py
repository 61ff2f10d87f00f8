"""The few calls of OpenSSL's libcrypto that the demonstration compares accel with: SM3, and SM2 verification.

Nothing else in accel uses OpenSSL. This module knows nothing of accel either, so that its verdicts are a second
opinion: it has its own DER writer and lets libcrypto compute ZA.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from types import TracebackType
from typing import Any, Self

from accel.errors import AccelError

DEFAULT_ID = b"1234567812345678"

_PUBLIC_KEY_SELECTION = 0x86  # EVP_PKEY_PUBLIC_KEY: domain parameters and the public key
_UTF8_STRING = 4  # OSSL_PARAM_UTF8_STRING
_OCTET_STRING = 5  # OSSL_PARAM_OCTET_STRING


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
}


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
    """An EVP_PKEY with an SM2 public key; a context manager that frees it.

    Raises:
        ValueError: `raw` (x || y, 64 bytes) is no point of the curve.
    """

    def __init__(self, library: Libcrypto, raw: bytes) -> None:
        self._calls = calls = library.calls
        self._md = library.md
        self._key = c_void_p()
        context = calls.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        if not context:
            raise OpenSSLMissingError("this OpenSSL was built without SM2")
        group = ctypes.create_string_buffer(b"SM2")
        point = ctypes.create_string_buffer(b"\x04" + raw, 65)
        params = (_Param * 3)(
            _Param(b"group", _UTF8_STRING, ctypes.cast(group, c_void_p), 3, 0),
            _Param(b"pub", _OCTET_STRING, ctypes.cast(point, c_void_p), 65, 0),
            _Param(None, 0, None, 0, 0),
        )
        try:
            calls.EVP_PKEY_fromdata_init(context)
            made = calls.EVP_PKEY_fromdata(context, byref(self._key), _PUBLIC_KEY_SELECTION, params)
        finally:
            calls.EVP_PKEY_CTX_free(context)
        if made != 1:
            calls.ERR_clear_error()
            raise ValueError("public key: not a point of the SM2 curve")

    def verify(self, der: bytes, message: bytes, signer_id: bytes = DEFAULT_ID) -> bool:
        """EVP_DigestVerify of a DER signature over `message`, ZA included."""
        calls = self._calls
        digest_context = calls.EVP_MD_CTX_new()
        key_context = calls.EVP_PKEY_CTX_new(self._key, None)
        try:
            calls.EVP_PKEY_CTX_set1_id(key_context, signer_id, len(signer_id))
            calls.EVP_MD_CTX_set_pkey_ctx(digest_context, key_context)
            if calls.EVP_DigestVerifyInit(digest_context, None, self._md, None, self._key) != 1:
                raise OpenSSLMissingError("this OpenSSL cannot verify SM2 with SM3")
            valid: int = calls.EVP_DigestVerify(digest_context, der, len(der), message, len(message))
        finally:
            calls.EVP_MD_CTX_free(digest_context)
            calls.EVP_PKEY_CTX_free(key_context)
        if valid != 1:
            calls.ERR_clear_error()  # every refusal leaves an entry in the thread's error queue
        return valid == 1

    def close(self) -> None:
        """Free the key."""
        self._calls.EVP_PKEY_free(self._key)
        self._key = c_void_p()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()
