"""The published vectors against every kernel, and the numbers that scripts rely on."""

from __future__ import annotations

import numpy as np
import pytest

from accel import sm2, sm3
from oracles import crafted, vectors
from oracles.samples import rows

EXAMPLE = vectors.recommended_example()
KEY = crafted.join(EXAMPLE.public_key)
SIGNATURE = crafted.join((EXAMPLE.r, EXAMPLE.s))
SM3_EXAMPLES = [(bytes.fromhex(each["message"]), each["digest"]) for each in vectors.load("sm3.json")]


def test_status_numbers():
    """Scripts outside compare with these; 0 must never mean anything good."""
    assert (sm2.NOT_CHECKED, sm2.OK, sm2.BAD_SIGNATURE, sm2.BAD_KEY, sm2.BAD_RANGE) == (0, 1, 2, 3, 4)
    assert (crafted.OK, crafted.BAD_SIGNATURE, crafted.BAD_KEY, crafted.BAD_RANGE) == (1, 2, 3, 4)
    assert sm2.DEFAULT_ID == b"1234567812345678"
    names = ["NOT_CHECKED", "OK", "BAD_SIGNATURE", "BAD_KEY", "BAD_RANGE"]
    assert [sm2.STATUS_NAMES[status] for status in range(5)] == names


@pytest.mark.op("sm3.hash")
@pytest.mark.parametrize(("message", "digest"), SM3_EXAMPLES, ids=["annex-A.1", "annex-A.2"])
def test_sm3(kernel, message, digest):
    assert sm3.hash_many([message] * 33).tobytes().hex() == digest * 33
    assert sm3.digest(message).hex() == digest
    assert sm3.new(message).hexdigest() == digest


@pytest.mark.parametrize("example", vectors.load("hmac_sm3.json"))
def test_hmac_sm3(example):
    key, message, mac = (bytes.fromhex(example[name]) for name in ("key", "message", "mac"))
    assert sm3.hmac_digest(key, message) == mac
    assert sm3.hmac_new(key, message).digest() == mac


@pytest.mark.op("sm2.sign")
def test_sm2_private_key(kernel):
    key = sm2.PrivateKey.from_bytes(EXAMPLE.private_key.to_bytes(32, "big"))
    assert key.public_key.raw == KEY
    signature = key.sign(EXAMPLE.message)
    assert signature != SIGNATURE  # another nonce
    key.public_key.verify(signature, EXAMPLE.message)


@pytest.mark.op("sm2.verify")
def test_sm2_verify(kernel):
    """As a message and as a digest, with an unknown key, with a ring and one by one; and one bit away, never."""
    keys, signatures = rows([KEY] * 3), rows([SIGNATURE] * 3)
    messages = [EXAMPLE.message, EXAMPLE.message + b"\0", EXAMPLE.message]
    expected = [sm2.OK, sm2.BAD_SIGNATURE, sm2.OK]
    ring = sm2.KeyRing(rows([KEY]), id=EXAMPLE.user_id)
    indices = np.zeros(3, np.uint32)
    assert sm2.verify_many(keys, signatures, messages, id=EXAMPLE.user_id).tolist() == expected
    assert sm2.verify_many(ring[indices], signatures, messages).tolist() == expected
    digests = sm2.digest_many(keys, messages, id=EXAMPLE.user_id)
    assert int.from_bytes(digests[0].tobytes(), "big") == EXAMPLE.e
    assert sm2.verify_digest_many(keys, signatures, digests).tolist() == expected
    assert sm2.verify_digest_many(ring[indices], signatures, digests).tolist() == expected
    sm2.PublicKey.from_bytes(KEY).verify(SIGNATURE, EXAMPLE.message, id=EXAMPLE.user_id)
    sm2.PublicKey.from_bytes(KEY).verify_digest(SIGNATURE, EXAMPLE.e.to_bytes(32, "big"))
