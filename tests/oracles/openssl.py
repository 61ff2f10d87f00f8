"""OpenSSL's SM3 and SM2, called in libcrypto through ctypes.

Only the documented API of OpenSSL 3: keys with EVP_PKEY_fromdata, signatures with EVP_DigestSign and EVP_PKEY_sign,
points with EC_POINT_mul. ctypes lets go of the GIL during each call, so `parallel` really uses the cores.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from typing import Any, TypeVar

NID_SM2 = 1172
MAX_ID_LENGTH = 8190  # bytes; OpenSSL refuses the 8,191 that the standard's two-byte field of bits can hold
_EVP_PKEY_PUBLIC_KEY = 0x86
_EVP_PKEY_KEYPAIR = 0x87
_PARAM_UNSIGNED_INTEGER, _PARAM_UTF8_STRING, _PARAM_OCTET_STRING = 2, 4, 5
_MAX_SIGNATURE = 80  # bytes; the longest DER of an SM2 signature is 72

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Param(ctypes.Structure):
    """OSSL_PARAM(3)."""

    _fields_ = (
        ("key", c_char_p),
        ("data_type", c_uint),
        ("data", c_void_p),
        ("data_size", c_size_t),
        ("return_size", c_size_t),
    )


def _load() -> ctypes.CDLL:
    name = ctypes.util.find_library("crypto")
    if name is None:
        raise OSError("libcrypto was not found; on Debian it is in the package libssl3")
    return ctypes.CDLL(name)


_crypto = _load()


def _function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function = getattr(_crypto, name)
    function.restype, function.argtypes = result, arguments
    return function  # type: ignore[no-any-return]


_P = c_void_p
_EVP_sm3 = _function("EVP_sm3", _P)
_EVP_Digest = _function("EVP_Digest", c_int, c_char_p, c_size_t, c_char_p, POINTER(c_uint), _P, _P)
_HMAC = _function("HMAC", _P, _P, c_char_p, c_int, c_char_p, c_size_t, c_char_p, POINTER(c_uint))
_EVP_PKEY_CTX_new_from_name = _function("EVP_PKEY_CTX_new_from_name", _P, _P, c_char_p, c_char_p)
_EVP_PKEY_CTX_new = _function("EVP_PKEY_CTX_new", _P, _P, _P)
_EVP_PKEY_CTX_free = _function("EVP_PKEY_CTX_free", None, _P)
_EVP_PKEY_CTX_set1_id = _function("EVP_PKEY_CTX_set1_id", c_int, _P, c_char_p, c_int)
_EVP_PKEY_fromdata_init = _function("EVP_PKEY_fromdata_init", c_int, _P)
_EVP_PKEY_fromdata = _function("EVP_PKEY_fromdata", c_int, _P, POINTER(_P), c_int, POINTER(_Param))
_EVP_PKEY_free = _function("EVP_PKEY_free", None, _P)
_EVP_PKEY_sign_init = _function("EVP_PKEY_sign_init", c_int, _P)
_EVP_PKEY_sign = _function("EVP_PKEY_sign", c_int, _P, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)
_EVP_PKEY_verify_init = _function("EVP_PKEY_verify_init", c_int, _P)
_EVP_PKEY_verify = _function("EVP_PKEY_verify", c_int, _P, c_char_p, c_size_t, c_char_p, c_size_t)
_EVP_MD_CTX_new = _function("EVP_MD_CTX_new", _P)
_EVP_MD_CTX_free = _function("EVP_MD_CTX_free", None, _P)
_EVP_DigestSignInit = _function("EVP_DigestSignInit", c_int, _P, POINTER(_P), _P, _P, _P)
_EVP_DigestSign = _function("EVP_DigestSign", c_int, _P, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)
_EVP_DigestVerifyInit = _function("EVP_DigestVerifyInit", c_int, _P, POINTER(_P), _P, _P, _P)
_EVP_DigestVerify = _function("EVP_DigestVerify", c_int, _P, c_char_p, c_size_t, c_char_p, c_size_t)
_ERR_clear_error = _function("ERR_clear_error", None)
_EC_GROUP_new_by_curve_name = _function("EC_GROUP_new_by_curve_name", _P, c_int)
_EC_POINT_new = _function("EC_POINT_new", _P, _P)
_EC_POINT_free = _function("EC_POINT_free", None, _P)
_EC_POINT_mul = _function("EC_POINT_mul", c_int, _P, _P, _P, _P, _P, _P)
_EC_POINT_oct2point = _function("EC_POINT_oct2point", c_int, _P, _P, c_char_p, c_size_t, _P)
_EC_POINT_point2oct = _function("EC_POINT_point2oct", c_size_t, _P, _P, c_int, c_char_p, c_size_t, _P)
_BN_bin2bn = _function("BN_bin2bn", _P, c_char_p, c_int, _P)
_BN_free = _function("BN_free", None, _P)
_OpenSSL_version = _function("OpenSSL_version", c_char_p, c_int)

_SM3 = _EVP_sm3()
_GROUP = _EC_GROUP_new_by_curve_name(NID_SM2)


def version() -> str:
    """For example "OpenSSL 3.0.19 27 Jan 2026"."""
    return str(_OpenSSL_version(0).decode())


def parallel(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`function` of each item, in order, on all cores this process may use."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(function, items))


def _require(result: int | None, what: str) -> None:
    if not result or result < 0:
        _ERR_clear_error()
        raise RuntimeError(f"OpenSSL refused: {what}")


# --- SM3 ---


def sm3(message: bytes) -> bytes:
    """SM3(message)."""
    out = ctypes.create_string_buffer(32)
    _require(_EVP_Digest(message, len(message), out, None, _SM3, None), "EVP_Digest")
    return out.raw


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """HMAC-SM3."""
    out = ctypes.create_string_buffer(32)
    _require(_HMAC(_SM3, key, len(key), message, len(message), out, None), "HMAC")
    return out.raw


# --- signatures' encoding ---


def _der_integer(x: int) -> bytes:
    content = x.to_bytes(x.bit_length() // 8 + 1, "big", signed=True)
    return bytes([2, len(content)]) + content


def signature_to_der(signature: bytes) -> bytes:
    """R || s (64 bytes, any values) as a SEQUENCE of two INTEGERs."""
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    content = _der_integer(r) + _der_integer(s)
    return bytes([0x30, len(content)]) + content


def signature_from_der(der: bytes) -> bytes:
    """The opposite, for the well-formed signatures that OpenSSL makes."""
    r_end = 4 + der[3]
    r, s = der[4:r_end], der[r_end + 2 :]
    return b"".join(int.from_bytes(part, "big").to_bytes(32, "big") for part in (r, s))


# --- SM2 ---


class RejectedKeyError(ValueError):
    """OpenSSL does not accept the bytes as a public key."""


def _params(public: bytes, private: bytes | None) -> tuple[Any, list[Any]]:
    """An OSSL_PARAM array for EVP_PKEY_fromdata, and the buffers that have to outlive it."""
    fields = [(b"group", _PARAM_UTF8_STRING, b"SM2"), (b"pub", _PARAM_OCTET_STRING, public)]
    if private is not None:
        fields.append((b"priv", _PARAM_UNSIGNED_INTEGER, private[::-1]))  # integers are in native order: little-endian
    buffers = [ctypes.create_string_buffer(data, len(data)) for _, _, data in fields]
    entries = [
        _Param(key, kind, ctypes.addressof(buffer), len(buffer), 0)
        for (key, kind, _), buffer in zip(fields, buffers, strict=True)
    ]
    return (_Param * (len(entries) + 1))(*entries, _Param()), buffers


def _new_pkey(public: bytes, private: bytes | None) -> c_void_p:
    params, buffers = _params(public, private)
    context, pkey = _EVP_PKEY_CTX_new_from_name(None, b"SM2", None), c_void_p()
    _require(_EVP_PKEY_fromdata_init(context), "EVP_PKEY_fromdata_init")
    kind = _EVP_PKEY_PUBLIC_KEY if private is None else _EVP_PKEY_KEYPAIR
    made = _EVP_PKEY_fromdata(context, byref(pkey), kind, params)
    _EVP_PKEY_CTX_free(context)
    del buffers
    if made <= 0:
        _ERR_clear_error()
        raise RejectedKeyError(public.hex())
    return pkey


class PublicKey:
    """A public key x || y (64 bytes). Raises RejectedKeyError if OpenSSL does not take it."""

    def __init__(self, raw: bytes, private: bytes | None = None) -> None:
        self.raw = raw
        self._pkey = _new_pkey(b"\x04" + raw, private)
        weakref.finalize(self, _EVP_PKEY_free, self._pkey)

    def verify(self, signature: bytes, message: bytes, user_id: bytes | None) -> bool:
        """Whether r || s is a valid signature over SM3(ZA || message), or SM3(message) where user_id is None."""
        if user_id is None:
            return self.verify_digest(signature, sm3(message))
        der = signature_to_der(signature)
        context, pkey_context = _EVP_MD_CTX_new(), c_void_p()
        _require(_EVP_DigestVerifyInit(context, byref(pkey_context), _SM3, None, self._pkey), "EVP_DigestVerifyInit")
        _require(_EVP_PKEY_CTX_set1_id(pkey_context, user_id, len(user_id)), "EVP_PKEY_CTX_set1_id")
        result = _EVP_DigestVerify(context, der, len(der), message, len(message))
        _EVP_MD_CTX_free(context)
        _ERR_clear_error()
        return bool(result == 1)

    def verify_digest(self, signature: bytes, digest: bytes) -> bool:
        """Whether r || s is a valid signature over the digest e (32 bytes)."""
        der = signature_to_der(signature)
        context = _EVP_PKEY_CTX_new(self._pkey, None)
        _require(_EVP_PKEY_verify_init(context), "EVP_PKEY_verify_init")
        result = _EVP_PKEY_verify(context, der, len(der), digest, len(digest))
        _EVP_PKEY_CTX_free(context)
        _ERR_clear_error()
        return bool(result == 1)


class PrivateKey(PublicKey):
    """A private key; the nonces of its signatures are OpenSSL's own."""

    def __init__(self, secret: int) -> None:
        self.secret = secret
        point = multiply_add(secret, 0, None)
        if point is None:
            raise ValueError("secret: a multiple of the group order")
        private = secret.to_bytes(32, "big")
        super().__init__(point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big"), private)

    def sign(self, message: bytes, user_id: bytes | None) -> bytes:
        """R || s over SM3(ZA || message), or SM3(message) where user_id is None."""
        if user_id is None:
            return self.sign_digest(sm3(message))
        out, length = ctypes.create_string_buffer(_MAX_SIGNATURE), c_size_t(_MAX_SIGNATURE)
        context, pkey_context = _EVP_MD_CTX_new(), c_void_p()
        _require(_EVP_DigestSignInit(context, byref(pkey_context), _SM3, None, self._pkey), "EVP_DigestSignInit")
        _require(_EVP_PKEY_CTX_set1_id(pkey_context, user_id, len(user_id)), "EVP_PKEY_CTX_set1_id")
        _require(_EVP_DigestSign(context, out, byref(length), message, len(message)), "EVP_DigestSign")
        _EVP_MD_CTX_free(context)
        return signature_from_der(out.raw[: length.value])

    def sign_digest(self, digest: bytes) -> bytes:
        """R || s over the digest e (32 bytes)."""
        out, length = ctypes.create_string_buffer(_MAX_SIGNATURE), c_size_t(_MAX_SIGNATURE)
        context = _EVP_PKEY_CTX_new(self._pkey, None)
        _require(_EVP_PKEY_sign_init(context), "EVP_PKEY_sign_init")
        _require(_EVP_PKEY_sign(context, out, byref(length), digest, len(digest)), "EVP_PKEY_sign")
        _EVP_PKEY_CTX_free(context)
        return signature_from_der(out.raw[: length.value])


def verdicts(keys: Sequence[bytes], signatures: Sequence[bytes], digests: Sequence[bytes]) -> list[str]:
    """OpenSSL's verdict on each item over its digest: "ok", "bad" or "key"."""

    def verdict(i: int) -> str:
        try:
            key = PublicKey(keys[i])
        except RejectedKeyError:
            return "key"
        return "ok" if key.verify_digest(signatures[i], digests[i]) else "bad"

    return parallel(verdict, range(len(keys)))


# --- points ---


def multiply_add(s: int, t: int, point: tuple[int, int] | None) -> tuple[int, int] | None:
    """[s]G + [t]P, or None for the point at infinity; s and t in [0, 2^256)."""
    base, result = _EC_POINT_new(_GROUP), _EC_POINT_new(_GROUP)
    numbers = [_BN_bin2bn(x.to_bytes(32, "big"), 32, None) for x in (s, t)]
    if point is not None:
        encoded = b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")
        _require(_EC_POINT_oct2point(_GROUP, base, encoded, 65, None), "EC_POINT_oct2point")
    multiplied = (base, numbers[1]) if point is not None else (None, None)
    _require(_EC_POINT_mul(_GROUP, result, numbers[0], *multiplied, None), "EC_POINT_mul")
    out = ctypes.create_string_buffer(65)
    length = _EC_POINT_point2oct(_GROUP, result, 4, out, 65, None)
    for number in numbers:
        _BN_free(number)
    for each in (base, result):
        _EC_POINT_free(each)
    if length == 1:  # a single zero byte encodes infinity
        return None
    return int.from_bytes(out.raw[1:33], "big"), int.from_bytes(out.raw[33:65], "big")
