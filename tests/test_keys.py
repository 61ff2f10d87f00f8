"""SM2 keys: encodings both ways against the OpenSSL command line, single signatures, and what a key object keeps."""

from __future__ import annotations

import copy
import hashlib
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest

import accel
from accel import sm2
from accel.reference import sm2 as reference
from accel.sm2 import PrivateKey, PublicKey

N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
# GB/T 32918.5-2017, annex A.
SECRET = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
X = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
Y = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
SIGNATURE = bytes.fromhex(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)
DIGEST = bytes.fromhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640")


def openssl(*arguments: str, data: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *arguments], input=data, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def generated() -> str:
    """A key as OpenSSL generates it: a block of parameters, and a private key."""
    return openssl("ecparam", "-name", "SM2", "-genkey").decode()


def test_standard_example() -> None:
    key = PrivateKey.from_hex(SECRET)
    assert key.public_key.raw.hex() == X + Y
    key.public_key.verify(SIGNATURE, b"message digest")
    key.public_key.verify_digest(SIGNATURE, DIGEST)
    assert sm2.digest_many([key.public_key], [b"message digest"])[0].tobytes() == DIGEST


def test_private_keys_from_openssl(generated: str) -> None:
    key = PrivateKey.from_pem(generated)
    pem = generated.encode()
    forms = {
        "pkcs8": openssl("pkcs8", "-topk8", "-nocrypt", data=pem),
        "sec1": openssl("ec", data=pem),
        "compressed": openssl("ec", "-conv_form", "compressed", data=pem),
        "no public": openssl("ec", "-no_public", data=pem),
        "text": openssl("pkey", "-text", data=pem),
    }
    for name, form in forms.items():
        assert PrivateKey.from_pem(form).to_bytes() == key.to_bytes(), name
        assert PrivateKey.from_pem(form.decode().replace("\n", "\r\n")).to_bytes() == key.to_bytes(), name
    assert key.to_pem().encode() == forms["pkcs8"]
    for form in ("DER", "PEM"):
        der = openssl("ec", "-outform", form, data=pem)
        assert (PrivateKey.from_der if form == "DER" else PrivateKey.from_pem)(der).to_bytes() == key.to_bytes()


def test_public_keys_from_openssl(generated: str) -> None:
    key = PrivateKey.from_pem(generated).public_key
    pem = openssl("ec", "-pubout", data=generated.encode())
    compressed = openssl("ec", "-pubout", "-conv_form", "compressed", data=generated.encode())
    hybrid = openssl("ec", "-pubout", "-conv_form", "hybrid", data=generated.encode())
    assert PublicKey.from_pem(pem) == key == PublicKey.from_pem(compressed)
    assert key.to_pem().encode() == pem
    assert PublicKey.from_der(openssl("ec", "-pubin", "-outform", "DER", data=pem)) == key
    with pytest.raises(accel.EncodingError, match="hybrid"):
        PublicKey.from_pem(hybrid)


def test_openssl_reads_what_is_written(tmp_path: Path) -> None:
    key = PrivateKey.generate()
    for pem in (key.to_pem().encode(), openssl("pkey", "-inform", "DER", data=key.to_der())):
        assert openssl("pkey", "-pubout", data=pem).decode() == key.public_key.to_pem()
    public = tmp_path / "public.pem"
    public.write_text(key.public_key.to_pem())
    signature, message = tmp_path / "signature", tmp_path / "message"
    message.write_bytes(b"to be signed")
    signature.write_bytes(key.sign(b"to be signed", encoding="der"))
    verdict = openssl(
        "dgst", "-sm3", "-verify", str(public), "-sigopt", "distid:1234567812345678", "-signature", str(signature),
        str(message),
    )  # fmt: skip
    assert verdict == b"Verified OK\n"


@pytest.mark.parametrize("curve", ["prime256v1", "secp256k1"])
def test_keys_of_other_curves(curve: str) -> None:
    pem = openssl("ecparam", "-name", curve, "-genkey", "-noout")
    with pytest.raises(accel.EncodingError, match="expected a key on the curve SM2"):
        PrivateKey.from_pem(pem)
    with pytest.raises(accel.EncodingError, match="expected a key on the curve SM2"):
        PublicKey.from_pem(openssl("ec", "-pubout", data=pem))


def test_keys_of_other_kinds(generated: str) -> None:
    explicit = openssl("ec", "-param_enc", "explicit", data=generated.encode())
    encrypted = openssl("pkcs8", "-topk8", "-passout", "pass:secret", data=generated.encode())
    legacy = openssl("ec", "-aes128", "-passout", "pass:secret", data=generated.encode())
    for pem, sentence in [
        (explicit, "explicit curve parameters are not accepted"),
        (encrypted, "encrypted private keys are not read"),
        (legacy, "encrypted private keys are not read"),
        (openssl("genpkey", "-algorithm", "ed25519"), "expected a key of type id-ecPublicKey"),
        (PrivateKey.generate().public_key.to_pem().encode(), 'got "PUBLIC KEY"'),
        (b"", "no line -----BEGIN"),
    ]:
        with pytest.raises(accel.EncodingError, match=sentence):
            PrivateKey.from_pem(pem)
    with pytest.raises(accel.EncodingError, match='got "PRIVATE KEY"'):
        PublicKey.from_pem(PrivateKey.generate().to_pem())


def test_truncated_and_extended_der() -> None:
    key = PrivateKey.from_hex(SECRET)
    for parse, der in ((PrivateKey.from_der, key.to_der()), (PublicKey.from_der, key.public_key.to_der())):
        for size in range(len(der)):
            with pytest.raises(accel.EncodingError):
                parse(der[:size])
        with pytest.raises(accel.EncodingError, match="1 bytes too many"):
            parse(der + b"\0")
        with pytest.raises(accel.EncodingError, match="at most 4096"):
            parse(bytes(5000))


def test_public_key_inside_must_match() -> None:
    mine, other = PrivateKey.generate(), PrivateKey.generate()
    der = mine.to_der().replace(mine.public_key.raw, other.public_key.raw)
    with pytest.raises(accel.BadKeyError, match="not the private key's"):
        PrivateKey.from_der(der)


def test_points() -> None:
    key = PublicKey.from_hex(X + Y)
    for compressed in (False, True):
        assert PublicKey.from_bytes(key.to_bytes(compressed=compressed)) == key
        assert PublicKey.from_hex(key.to_hex(compressed=compressed)) == key
    assert key.to_bytes() == b"\x04" + key.raw
    assert key.to_bytes(compressed=True).hex() == "03" + X
    for form in (b"", b"\0", b"\x06" + key.raw, b"\x07" + key.raw, key.raw[:63], b"\x04" + key.raw[:32]):
        with pytest.raises(accel.EncodingError, match="point: expected"):
            PublicKey.from_bytes(form)
    for form in (bytes(64), bytes.fromhex(X + X), b"\x02" + b"\xff" * 32, b"\x04" + bytes.fromhex(Y + X)):
        with pytest.raises(accel.BadKeyError, match="point"):
            PublicKey.from_bytes(form)


def test_points_that_compression_cannot_have() -> None:
    refused = 0
    for x in range(1, 33):  # about half of all x are on the curve
        try:
            key = PublicKey.from_bytes(b"\x02" + x.to_bytes(32, "big"))
        except accel.BadKeyError:
            refused += 1
        else:
            assert key.raw[63] % 2 == 0
            assert PublicKey.from_bytes(key.raw) == key
    assert 4 < refused < 28


def test_range_of_private_keys() -> None:
    for value in (1, 2, N - 3, N - 2):
        assert PrivateKey.from_bytes(value.to_bytes(32, "big")).to_bytes() == value.to_bytes(32, "big")
    for value in (0, N - 1, N, N + 1, 2**256 - 1):
        with pytest.raises(accel.BadKeyError, match="from 1 to n-2"):
            PrivateKey.from_bytes(value.to_bytes(32, "big"))
    for length in (0, 31, 33):
        with pytest.raises(accel.ArgumentError, match=f"secret: expected 32 bytes, got {length}"):
            PrivateKey.from_bytes(bytes(length))
    for wrong in ("00" * 32, 7, None):
        with pytest.raises(TypeError, match="secret: expected a bytes-like object"):
            PrivateKey.from_bytes(wrong)
    with pytest.raises(accel.ArgumentError, match="hexadecimal"):
        PrivateKey.from_hex("zz" * 32)
    with pytest.raises(TypeError, match="text: expected str"):
        PrivateKey.from_hex(bytes(32))


def test_generated_keys_differ() -> None:
    keys = {PrivateKey.generate().to_bytes() for _ in range(50)}
    assert len(keys) == 50
    assert all(1 <= int.from_bytes(key, "big") <= N - 2 for key in keys)


@pytest.mark.parametrize("count", [0, 1, 2, 9, 200])
def test_many_generated_keys(count: int) -> None:
    keys = sm2.generate_many(count)
    assert len({key.to_bytes() for key in keys}) == count
    assert all(isinstance(key, PrivateKey) for key in keys)
    for key in keys[:3]:
        assert key.public_key == PrivateKey.from_bytes(key.to_bytes()).public_key
        key.public_key.verify(key.sign(b"m"), b"m")
    for key in keys[-2:]:  # in plain integers
        point = reference.public_key(reference.RECOMMENDED, int.from_bytes(key.to_bytes(), "big"))
        assert key.public_key.to_bytes() == reference.encode_point(point)


def test_wrong_numbers_of_generated_keys() -> None:
    assert len(sm2.generate_many(np.int64(3))) == 3
    with pytest.raises(accel.ArgumentError, match="count: expected 0 or more, got -1"):
        sm2.generate_many(-1)
    with pytest.raises(TypeError):
        sm2.generate_many(2.5)
    with pytest.raises(MemoryError):
        sm2.generate_many(2**60)


def test_signatures_differ_and_verify() -> None:
    key = PrivateKey.generate()
    signatures = {key.sign(b"same message") for _ in range(20)}
    assert len(signatures) == 20
    for signature in signatures:
        key.public_key.verify(signature, b"same message")
        key.public_key.verify(bytearray(signature), memoryview(b"same message"))


def test_single_signatures() -> None:
    key = PrivateKey.generate()
    public = key.public_key
    digest = hashlib.sha256(b"any 32 bytes").digest()
    public.verify_digest(key.sign_digest(digest), digest)
    public.verify_digest(key.sign_digest(digest, encoding="der"), digest, encoding="der")
    for id_ in (sm2.NO_ZA, b"", b"x" * 8191):
        public.verify(key.sign(b"m", id=id_), b"m", id=id_)
        with pytest.raises(accel.InvalidSignature):
            public.verify(key.sign(b"m", id=id_), b"m")
    signature = key.sign(b"m")
    for wrong, message in [
        (signature, b"n"),
        (signature[:63] + bytes([signature[63] ^ 1]), b"m"),
        (bytes(64), b"m"),
        (b"\xff" * 64, b"m"),
    ]:
        with pytest.raises(accel.InvalidSignature, match="not valid"):
            public.verify(wrong, message)
    with pytest.raises(accel.InvalidSignature):
        PrivateKey.generate().public_key.verify(signature, b"m")


def test_malformed_single_signatures() -> None:
    key = PrivateKey.generate()
    der = key.sign(b"m", encoding="der")
    for malformed in (b"", der[:-1], der + b"\0", b"\x30\x80" + der[2:] + b"\0\0", key.sign(b"m")):
        with pytest.raises(accel.InvalidSignature, match="DER"):
            key.public_key.verify(malformed, b"m", encoding="der")
    for length in (0, 63, 65, 72):
        with pytest.raises(accel.InvalidSignature, match=f"signature: expected 64 bytes r ‖ s, got {length}") as caught:
            key.public_key.verify(bytes(length), b"m")
        assert isinstance(caught.value, accel.ArgumentError)
    with pytest.raises(TypeError, match="signature: expected a contiguous bytes-like object, got str"):
        key.public_key.verify("text", b"m")
    with pytest.raises(TypeError, match="message"):
        key.public_key.verify(bytes(64), "text")
    with pytest.raises(TypeError, match="digest: expected a contiguous bytes-like object, got NoneType"):
        key.sign_digest(None)
    with pytest.raises(accel.EncodingError, match="not Base64"):
        PrivateKey.from_pem("-----BEGIN PRIVATE KEY-----\nMII…")


def test_secrets_do_not_spread() -> None:
    key = PrivateKey.from_hex(SECRET)
    for text in (repr(key), str(key), f"{key}"):
        assert SECRET not in text.lower()
        assert X in text
    for spread in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled or copied"):
            spread(key)
    with pytest.raises(TypeError, match="use generate"):
        PrivateKey()
    with pytest.raises(AttributeError):
        key.secret = b"no other attributes"


def test_public_keys_are_values() -> None:
    key, same, other = PublicKey.from_hex(X + Y), PublicKey.from_hex("03" + X), PublicKey.from_hex("02" + X)
    assert key == same
    assert hash(key) == hash(same)
    assert key != other
    assert key != key.raw
    assert len({key, same, other}) == 2
    assert pickle.loads(pickle.dumps(key)) == key == copy.deepcopy(key)
    assert eval(repr(key)) == key
    with pytest.raises(TypeError, match="use from_bytes"):
        PublicKey()
    assert copy.deepcopy(sm2.NO_ZA) is sm2.NO_ZA
    assert pickle.loads(pickle.dumps(sm2.NO_ZA)) is sm2.NO_ZA


def test_arrays_are_bytes_too() -> None:
    key = PrivateKey.from_bytes(np.frombuffer(bytes.fromhex(SECRET), np.uint8))
    assert PublicKey.from_bytes(np.frombuffer(key.public_key.raw, np.uint8)) == key.public_key
    signature = np.frombuffer(key.sign(b"m"), np.uint8)
    key.public_key.verify(signature, b"m")
