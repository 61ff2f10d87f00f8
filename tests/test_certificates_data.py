"""Real SM2 certificates, straight through `verify_many`: signatures that neither we nor OpenSSL made.

Each is checked against its issuer's key in all three ID modes found in the field. Exactly the manifest's mode must
hold, for every kernel, and the plain-integer reference must agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from asn1crypto import core, pem, x509

from accel import sm2
from accel.reference import sm2 as reference
from oracles.crafted import CURVE, split
from oracles.samples import rows

# Mode in the manifest -> `id=` of the library and of the reference, where None stands for no ZA.
MODES = {
    "za-default-id": (sm2.DEFAULT_ID, reference.DEFAULT_ID),
    "za-empty-id": (b"", b""),
    "no-za": (sm2.NO_ZA, None),
}


@dataclass(frozen=True)
class Signed:
    """A certificate's signature, the bytes it covers, a key that may have made it, and the mode that must hold."""

    name: str
    key: bytes
    signature: bytes
    message: bytes
    mode: str | None


@pytest.fixture(scope="module")
def certificates(certificates_directory) -> list[Signed]:
    def load(name: str) -> x509.Certificate:
        _, _, der = pem.unarmor((certificates_directory / name).read_bytes())
        return x509.Certificate.load(der)

    def key(name: str) -> bytes:
        # Read without asn1crypto's table of key algorithms: some of these put the curve's OID in the algorithm's place.
        info = core.Sequence.load(load(name)["tbs_certificate"]["subject_public_key_info"].dump())
        unused_bits_and_format, point = info[1].contents[:2], info[1].contents[2:]
        assert unused_bits_and_format == b"\x00\x04"
        return point

    items = []
    for entry in json.loads((certificates_directory / "manifest.json").read_text())["certificates"]:
        certificate = load(entry["certificate"])
        signature, message = certificate["signature_value"].native, certificate["tbs_certificate"].dump()
        for issuer in [entry["issuer"]] if entry["mode"] else entry["issuer_candidates"]:
            items.append(Signed(entry["certificate"], key(issuer), signature, message, entry["mode"]))
    return items


@pytest.mark.op("sm2.verify")
@pytest.mark.parametrize("mode", MODES)
def test_exactly_the_manifests_mode_holds(kernel, certificates, mode):
    statuses = sm2.verify_many(
        rows([item.key for item in certificates]),
        [item.signature for item in certificates],
        [item.message for item in certificates],
        id=MODES[mode][0],
        encoding="der",
    )
    held = {item.name for item, status in zip(certificates, statuses, strict=True) if status == sm2.OK}
    assert held == {item.name for item in certificates if item.mode == mode}
    assert held


def test_the_reference_agrees(certificates):
    for item in certificates:
        signatures, _ = sm2.signatures_from_der([item.signature])
        for mode, (_, user_id) in MODES.items():
            e = reference.digest(CURVE, split(item.key), item.message, user_id)
            result = reference.verify(CURVE, split(item.key), split(signatures[0].tobytes()), e)
            assert result.ok == (item.mode == mode), (item.name, mode)
