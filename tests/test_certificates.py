"""SM2 certificates: real ones with a manifest of what to expect, ones made by OpenSSL, and broken ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

certificates = pytest.importorskip("accel.certificates")

from asn1crypto import pem  # noqa: E402

import needs  # noqa: E402
from accel import EncodingError  # noqa: E402

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DISTID = "distid:1234567812345678"
MODES = ("za-default-id", "za-empty-id", "no-za")


def verdicts(*paths: Path) -> dict[str, certificates.Verdict]:
    """Verdicts by file name."""
    loaded = certificates.load(paths)
    assert not loaded.malformed
    return {Path(v.certificate.source).name: v for v in certificates.verify(loaded.certificates, now=NOW)}


# ------------------------------------------------------------------------------------------ the real ones


def test_every_certificate_of_the_manifest(certificates_directory: Path):
    directory = certificates_directory
    expected = json.loads((directory / "manifest.json").read_text())["certificates"]
    assert Counter(entry["mode"] for entry in expected) == {"za-default-id": 52, "za-empty-id": 1, "no-za": 2, None: 6}
    found = verdicts(directory)
    for entry in expected:
        verdict = found[entry["certificate"]]
        assert verdict.mode == entry["mode"], entry
        issuer = None if verdict.issuer is None else Path(verdict.issuer.source).name
        assert issuer == entry.get("issuer"), entry
        assert verdict.status == ("verified" if entry["mode"] else "bad-signature")
        if "issuer_candidates" in entry:
            tried = {Path(candidate.source).name for candidate in verdict.candidates}
            assert tried == set(entry["issuer_candidates"]), entry


def test_certificates_outside_the_manifest_are_judged_too(certificates_directory: Path):
    directory = certificates_directory
    listed = {entry["certificate"] for entry in json.loads((directory / "manifest.json").read_text())["certificates"]}
    others = {name: verdict for name, verdict in verdicts(directory).items() if name not in listed}
    assert len(others) == 7
    for name, verdict in others.items():
        self_issued = verdict.certificate.subject_name == verdict.certificate.issuer_name
        # Self-signed ones that OpenSSL accepts are verified; the four signed by a root that is not here are not.
        accepted = self_issued and openssl_accepts(directory / name, directory / name)
        assert verdict.status == ("verified" if accepted else "issuer-not-found"), name


def openssl_accepts(authority: Path, certificate: Path) -> bool:
    """OpenSSL's verdict on the signature, dates aside."""
    command = ["openssl", "verify", "-no_check_time", "-vfyopt", DISTID, "-CAfile", authority, certificate]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_flipped_bit_in_any_part_is_noticed(certificates_directory: Path):
    """Flip one bit in the signed part and one in the signature of every verified certificate."""
    loaded = certificates.load([certificates_directory]).certificates
    verified = [v for v in certificates.verify(loaded, now=NOW) if v.status == "verified"]
    assert len(verified) >= 55
    for number, verdict in enumerate(verified):
        original = verdict.certificate
        changed = []
        for part in ("tbs", "signature"):
            value = bytearray(getattr(original, part))
            value[(7919 * (number + 1)) % len(value)] ^= 1 << number % 8
            fields = {name: getattr(original, name) for name in original.__dataclass_fields__}
            changed.append(certificates.Certificate(**fields | {part: bytes(value)}))
        issuer = verdict.issuer
        for altered in changed:
            again = certificates.verify([altered, *([] if issuer is original else [issuer])], now=NOW)[0]
            assert again.status == "bad-signature", original.source
            assert again.mode is None


# ----------------------------------------------------------------------------------- ones made by OpenSSL


EXTENSIONS = """\
[req]
distinguished_name = name
[name]
[full]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[bare]
keyUsage = digitalSignature
"""


class Workshop:
    """Makes keys and certificates with the OpenSSL command line."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "openssl.cnf").write_text(EXTENSIONS)

    def run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)

    def key(self, name: str, curve: str = "SM2") -> None:
        self.run("ecparam", "-name", curve, "-genkey", "-noout", "-out", f"{name}.key")

    def root(self, name: str, subject: str, *, distid: str = DISTID, digest: str = "-sm3") -> Path:
        options = ["-sigopt", distid] if distid else []
        common = ["-config", "openssl.cnf", "-extensions", "full", "-days", "3650", "-out", f"{name}.pem"]
        self.run("req", "-x509", "-new", "-key", f"{name}.key", digest, *options, "-subj", subject, *common)
        return self.directory / f"{name}.pem"

    def issue(self, name: str, subject: str, issuer: str, extensions: str = "full", distid: str = DISTID) -> Path:
        sign = ["-sm3", "-sigopt", distid]
        request = ["req", "-new", "-key", f"{name}.key", *sign, "-config", "openssl.cnf", "-subj", subject]
        self.run(*request, "-out", f"{name}.csr")
        authority = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-set_serial", "7", "-days", "30"]
        parts = ["-extfile", "openssl.cnf", "-extensions", extensions, "-out", f"{name}.pem"]
        self.run("x509", "-req", "-in", f"{name}.csr", "-vfyopt", distid, *authority, *sign, *parts)
        return self.directory / f"{name}.pem"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@needs.openssl
def test_all_issuers_of_one_name_are_tried(workshop: Workshop):
    """Two authorities share a name; each leaf is attributed to the one that signed it, key identifier or not."""
    roots = []
    for name in ("first", "second"):
        workshop.key(name)
        roots.append(workshop.root(name, "/CN=Twin"))
    leaves = []
    for number, (issuer, extensions) in enumerate((i, e) for i in ("first", "second") for e in ("full", "bare")):
        workshop.key(f"leaf{number}")
        leaves.append(workshop.issue(f"leaf{number}", f"/CN=Leaf {number}", issuer, extensions))
    found = verdicts(*roots, *leaves)
    assert {name: Path(v.issuer.source).name for name, v in found.items() if v.issuer} == {
        "first.pem": "first.pem",
        "second.pem": "second.pem",
        "leaf0.pem": "first.pem",
        "leaf1.pem": "first.pem",
        "leaf2.pem": "second.pem",
        "leaf3.pem": "second.pem",
    }
    assert all(verdict.mode == "za-default-id" for verdict in found.values())
    for name, verdict in found.items():
        assert len(verdict.candidates) == 2
        if name in ("leaf0.pem", "leaf2.pem"):  # they name their issuer's key: that one comes first
            assert verdict.candidates[0] is verdict.issuer


@needs.openssl
def test_an_id_that_is_none_of_the_modes_does_not_verify(workshop: Workshop):
    workshop.key("other")
    assert (
        verdicts(workshop.root("other", "/CN=Other", distid="distid:somebody"))["other.pem"].status == "bad-signature"
    )


@needs.openssl
def test_the_empty_id_is_told_apart(workshop: Workshop):
    workshop.key("default")
    assert verdicts(workshop.root("default", "/CN=Default"))["default.pem"].mode == "za-default-id"
    workshop.key("empty")
    try:  # the same command, which has just worked with another ID
        path = workshop.root("empty", "/CN=Empty", distid="distid:")
    except subprocess.CalledProcessError:
        pytest.skip("this OpenSSL does not sign with an empty ID")
    assert verdicts(path)["empty.pem"].mode == "za-empty-id"


@needs.openssl
def test_other_algorithms_are_not_checked_and_issue_nothing(workshop: Workshop):
    """An ECDSA root of the same name and an SM2 leaf: the leaf has no issuer, the root is not SM2."""
    workshop.key("real")
    workshop.root("real", "/CN=Name")
    workshop.key("leaf")
    leaf = workshop.issue("leaf", "/CN=Leaf", "real")
    workshop.key("p256", curve="prime256v1")
    other = workshop.root("p256", "/CN=Name", distid="", digest="-sha256")
    found = verdicts(leaf, other)
    assert found["p256.pem"].status == "not-sm2"
    assert found["p256.pem"].certificate.public_key is None
    assert found["leaf.pem"].status == "issuer-not-found"


@needs.openssl
def test_notes_name_what_is_not_judged(workshop: Workshop):
    """An issuer that is no CA and a date out of range are noted; the signature is valid all the same."""
    workshop.key("top")
    workshop.root("top", "/CN=Top")
    workshop.key("middle")
    middle = workshop.issue("middle", "/CN=Middle", "top", "bare")
    workshop.key("leaf")
    leaf = workshop.issue("leaf", "/CN=Leaf", "middle")
    loaded = certificates.load([leaf, middle]).certificates
    verdict = certificates.verify(loaded, now=datetime(2000, 1, 1, tzinfo=UTC))[0]
    assert verdict.status == "verified"
    assert verdict.notes == (
        "not valid yet",
        "issuer is not marked as a CA (basicConstraints)",
        "issuer's keyUsage lacks keyCertSign",
    )
    assert "expired" in certificates.verify(loaded, now=datetime(2200, 1, 1, tzinfo=UTC))[0].notes


# ------------------------------------------------------------------------------------------------- files


@pytest.fixture
def root_pem(workshop: Workshop) -> bytes:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command")
    workshop.key("root")
    return workshop.root("root", "/CN=Root").read_bytes()


def test_files_of_every_shape(tmp_path: Path, root_pem: bytes):
    """DER, several PEM blocks with other text between them, a key, an empty file, a directory in a directory."""
    place = tmp_path / "certificates"
    (place / "deeper").mkdir(parents=True)
    _, _, der = pem.unarmor(root_pem)
    (place / "a.der").write_bytes(der)
    (place / "b.pem").write_bytes(b"some text\n" + root_pem + b"more text\n" + root_pem)
    (place / "deeper" / "c.crt").write_bytes(root_pem.replace(b"\n", b"\r\n"))
    (place / "d.key").write_bytes((tmp_path / "root.key").read_bytes())
    (place / "e").write_bytes(b"")
    (place / "f.txt").write_bytes(os.urandom(100))
    loaded = certificates.load([place])
    names = [os.path.relpath(certificate.source, place) for certificate in loaded.certificates]
    assert names == ["a.der", "b.pem", "b.pem#2", "deeper/c.crt"]
    assert [os.path.relpath(path, place) for path, _ in loaded.skipped] == ["d.key", "e", "f.txt"]
    assert not loaded.malformed
    assert all(v.status == "verified" for v in certificates.verify(loaded.certificates, now=NOW))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda der: der[:-20], id="cut"),
        pytest.param(lambda der: der + b"\x00", id="trailing byte"),
        pytest.param(lambda der: der[:60] + b"\xff" * 30 + der[90:], id="overwritten"),
        pytest.param(lambda _: b"\x30\x03\x02\x01\x05", id="another sequence"),
        pytest.param(lambda _: b"", id="nothing"),
        pytest.param(lambda _: b"\x30\x84\xff\xff\xff\xff", id="4 GiB announced"),
    ],
)
def test_malformed_certificates_are_reported(tmp_path: Path, root_pem: bytes, damage: Callable[[bytes], bytes]):
    _, _, der = pem.unarmor(root_pem)
    path = tmp_path / "bad.pem"
    path.write_bytes(pem.armor("CERTIFICATE", damage(der)) + root_pem)
    loaded = certificates.load([path])
    assert len(loaded.certificates) == 1  # the good one in the same file is found all the same
    ((source, reason),) = loaded.malformed
    assert source == str(path)
    assert "not a readable X.509 certificate" in reason


def test_damaged_pem_is_reported(tmp_path: Path, root_pem: bytes):
    path = tmp_path / "bad.pem"
    path.write_bytes(root_pem[:200])
    loaded = certificates.load([path])
    assert [source for source, _ in loaded.malformed] == [str(path)] or [p for p, _ in loaded.skipped] == [str(path)]
    assert not loaded.certificates


def test_parsing_raises_nothing_but_encoding_errors(root_pem: bytes):
    """Each byte of a certificate changed in turn: it parses, or it is an EncodingError."""
    _, _, der = pem.unarmor(root_pem)
    refused = 0
    for position in range(len(der)):
        for mask in (0x01, 0x80, 0xFF):
            changed = bytearray(der)
            changed[position] ^= mask
            try:
                certificates.Certificate.from_der(bytes(changed), "changed")
            except EncodingError:
                refused += 1
    assert 100 < refused < 3 * len(der)


def test_missing_file():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        certificates.load(["/nowhere/at/all.pem"])


def test_no_certificates_at_all():
    assert certificates.verify([], now=NOW) == []
    assert tuple(certificates.MODES) == MODES
