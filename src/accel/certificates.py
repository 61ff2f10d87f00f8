"""SM2 certificates (X.509, RFC 5280): parsing, and checking their signatures against each other.

Signers in the field do not agree on how SM3 is applied before SM2 signs, so each certificate is tried in three ways,
and the one that holds is reported:

=================  =================================================================================================
``za-default-id``  e = SM3(ZA || TBS), ZA with the ID ``1234567812345678`` (GM/T 0009, RFC 8998): nearly all
``za-empty-id``    the same with an empty ID
``no-za``          e = SM3(TBS)
=================  =================================================================================================

This checks signatures and nothing else. It is no path validation: validity dates, basicConstraints, keyUsage, name
constraints, revocation and trust in a root are shown or noted where present, never enforced.

Needs the extra ``cli`` (asn1crypto).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import numpy as np

try:
    from asn1crypto import core, pem, x509
except ImportError as error:
    raise ImportError("accel.certificates needs asn1crypto: pip install 'chainaccel[cli]'") from error

from accel import sm2
from accel.errors import AccelError, EncodingError

__all__ = [
    "MAX_FILE_BYTES",
    "MODES",
    "SM2_CURVE",
    "SM2_WITH_SM3",
    "Certificate",
    "Loaded",
    "Verdict",
    "load",
    "verify",
]

SM2_WITH_SM3 = "1.2.156.10197.1.501"
"""OID of the signature algorithm (GM/T 0006)."""
SM2_CURVE = "1.2.156.10197.1.301"
"""OID of the curve (GM/T 0006)."""
_EC_PUBLIC_KEY = "1.2.840.10045.2.1"

Progress = Callable[[int, int], None]  # how many certificates are done, and how many there are

MODES: dict[str, Any] = {"za-default-id": sm2.DEFAULT_ID, "za-empty-id": b"", "no-za": sm2.NO_ZA}
"""The ways in which signatures are tried, and the ``id=`` of each."""
MAX_FILE_BYTES = 64 << 20
"""Larger files are skipped."""
_TRIALS_AT_ONCE = (
    16_384  # (certificate, issuer) pairs verified in one call: bounds memory, far above the kernels' chunks
)


class _Algorithm(core.Sequence):  # type: ignore[misc]
    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]  # noqa: RUF012


class _KeyInfo(core.Sequence):  # type: ignore[misc]
    """SubjectPublicKeyInfo with any algorithm: some issuers write the SM2 curve where id-ecPublicKey belongs."""

    _fields = [("algorithm", _Algorithm), ("public_key", core.OctetBitString)]  # noqa: RUF012


@dataclass(frozen=True, eq=False)
class Certificate:
    """What a certificate says.

    Attributes:
        source: where it came from; the file's path, with ``#2`` for the second certificate in a file.
        tbs: the signed bytes (TBSCertificate), as they stand in the file.
        signature: DER.
        signature_algorithm: dotted OID or asn1crypto's name of it.
        public_key: x || y of an SM2 key on the curve; None for another algorithm or a point off the curve.
        subject: for people.
        issuer: for people.
        subject_name: normalised for comparison.
        issuer_name: normalised for comparison.
        serial: serial number.
        not_before: begin of validity.
        not_after: end of validity.
        key_identifier: subjectKeyIdentifier, or None.
        issuer_key_identifier: keyIdentifier of authorityKeyIdentifier, or None.
        ca: basicConstraints' cA, None without that extension.
        key_usage: names, sorted; None without that extension.
    """

    source: str
    tbs: bytes
    signature: bytes
    signature_algorithm: str
    public_key: bytes | None
    subject: str
    issuer: str
    subject_name: str
    issuer_name: str
    serial: int
    not_before: datetime
    not_after: datetime
    key_identifier: bytes | None
    issuer_key_identifier: bytes | None
    ca: bool | None
    key_usage: tuple[str, ...] | None

    @property
    def is_sm2(self) -> bool:
        """Whether it claims to be signed with SM2 and SM3."""
        return self.signature_algorithm == SM2_WITH_SM3

    @classmethod
    def from_der(cls, der: bytes, source: str) -> Self:
        """Parse one certificate.

        Args:
            der: its DER, without anything behind.
            source: where it came from, for errors and for people.

        Raises:
            EncodingError: not a DER certificate.
        """
        try:
            return cls._parse(der, source)
        # asn1crypto raises whatever its parsing runs into: ValueError, TypeError, KeyError, OverflowError, ...
        except Exception as error:
            raise EncodingError(f"{source}: not a readable X.509 certificate: {error}") from error

    @classmethod
    def _parse(cls, der: bytes, source: str) -> Self:
        parsed = x509.Certificate.load(der, strict=True)
        tbs = parsed["tbs_certificate"]
        signed = tbs.dump()
        algorithm = parsed["signature_algorithm"].dump()
        if tbs["signature"].dump() != algorithm:
            raise ValueError("the signature algorithms inside and outside the signed part differ")
        constraints, usage = parsed.basic_constraints_value, parsed.key_usage_value
        authority, identifier = parsed.authority_key_identifier_value, parsed.key_identifier_value
        issuer_identifier = authority["key_identifier"].native if authority is not None else None
        return cls(
            source=source,
            tbs=signed,
            signature=parsed["signature_value"].native,
            signature_algorithm=parsed["signature_algorithm"]["algorithm"].native,
            public_key=_sm2_public_key(tbs["subject_public_key_info"].dump()),
            subject=parsed.subject.human_friendly,
            issuer=parsed.issuer.human_friendly,
            subject_name=parsed.subject.hashable,
            issuer_name=parsed.issuer.hashable,
            serial=parsed.serial_number,
            not_before=parsed.not_valid_before,
            not_after=parsed.not_valid_after,
            key_identifier=None if identifier is None else identifier.native,
            issuer_key_identifier=issuer_identifier,
            ca=None if constraints is None else bool(constraints["ca"].native),
            key_usage=None if usage is None else tuple(sorted(usage.native)),
        )


def _sm2_public_key(key_info: bytes) -> bytes | None:
    parsed = _KeyInfo.load(key_info, strict=True)
    algorithm, parameters = parsed["algorithm"]["algorithm"].native, parsed["algorithm"]["parameters"]
    if algorithm not in (_EC_PUBLIC_KEY, SM2_CURVE) or parameters.dump() != core.ObjectIdentifier(SM2_CURVE).dump():
        return None
    try:
        return bytes(sm2.PublicKey.from_bytes(parsed["public_key"].native).raw)
    except (AccelError, ValueError):
        return None


@dataclass
class Loaded:
    """Certificates found in files.

    Attributes:
        certificates: in the order of the files.
        malformed: (source, reason) of what claims to be a certificate and is none.
        skipped: (path, reason) of files without any.
    """

    certificates: list[Certificate] = field(default_factory=list)
    malformed: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def load(paths: Iterable[str | os.PathLike[str]]) -> Loaded:
    """Read certificates, in PEM (several in a file too) or DER.

    Args:
        paths: files, and directories of which all files below are read.

    Raises:
        FileNotFoundError: a path does not exist.
        OSError: a file cannot be read.
    """
    loaded = Loaded()
    for path in _files(paths):
        if path.stat().st_size > MAX_FILE_BYTES:
            loaded.skipped.append((str(path), f"larger than {MAX_FILE_BYTES >> 20} MiB"))
            continue
        found = 0
        try:
            for found, der in enumerate(_ders(path.read_bytes()), start=1):
                source = str(path) if found == 1 else f"{path}#{found}"
                try:
                    loaded.certificates.append(Certificate.from_der(der, source))
                except EncodingError as error:
                    loaded.malformed.append((source, str(error)))
        except ValueError as error:
            loaded.malformed.append((str(path), f"{path}: damaged PEM: {error}"))
            continue
        if not found:
            loaded.skipped.append((str(path), "holds no certificate"))
    return loaded


def _files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(entry for entry in path.rglob("*") if entry.is_file())
        elif path.exists() and not path.is_file():
            raise OSError(f"{path}: expected a file or a directory, got a device")
        else:
            path.stat()  # raises for a path that does not exist
            yield path


def _ders(data: bytes) -> Iterator[bytes]:
    """The certificates in a file's bytes, not parsed yet."""
    if pem.detect(data):
        for name, _, der in pem.unarmor(data, multiple=True):
            if name in ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"):
                yield der
    elif _is_der_certificate(data):
        yield data


def _is_der_certificate(data: bytes) -> bool:
    """Whether it begins like a certificate: a sequence that begins with a sequence (TBSCertificate)."""
    try:
        first = core.Sequence.load(data)[0]
    except Exception:  # asn1crypto's parser raises many kinds for bytes that are no DER
        return False
    return isinstance(first, core.Sequence)


@dataclass(frozen=True)
class Verdict:
    """What is known about one certificate's signature.

    Attributes:
        certificate: which.
        status: ``verified``; ``bad-signature``: no candidate's key verifies it; ``issuer-not-found``: no candidate;
            ``not-sm2``: another signature algorithm, not checked.
        mode: one of `MODES` when verified.
        issuer: the certificate whose key verifies it.
        candidates: certificates that have the issuer's name and an SM2 key; those with the issuer's key id first.
        notes: what path validation would look at: the issuer's basicConstraints and keyUsage, validity dates.
    """

    certificate: Certificate
    status: str
    mode: str | None = None
    issuer: Certificate | None = None
    candidates: tuple[Certificate, ...] = ()
    notes: tuple[str, ...] = ()


def verify(
    certificates: Sequence[Certificate],
    *,
    now: datetime,
    progress: Progress | None = None,
) -> list[Verdict]:
    """Verify each certificate with the keys of all that could have issued it, itself included, in all three modes.

    Args:
        certificates: all there are; issuers are looked for among them.
        now: the time for notes on validity, with a time zone.
        progress: called now and then with the certificates tried so far and the certificates in all.

    Returns:
        One verdict per certificate, in order. Where several candidates hold the same key, the first stands for all.
    """
    by_name: dict[str, list[Certificate]] = defaultdict(list)
    for certificate in certificates:
        if certificate.public_key is not None:
            by_name[certificate.subject_name].append(certificate)
    candidates = [_candidates(certificate, by_name) for certificate in certificates]
    winners: dict[int, tuple[Certificate, str]] = {}
    for trials, done in _trial_batches(certificates, candidates):
        for mode, signer_id in MODES.items():
            statuses = sm2.verify_many(
                np.frombuffer(b"".join(issuer.public_key or b"" for _, issuer in trials), np.uint8).reshape(-1, 64),
                [certificates[i].signature for i, _ in trials],
                [certificates[i].tbs for i, _ in trials],
                id=signer_id,
                encoding="der",
            )
            for trial in np.flatnonzero(statuses == sm2.OK):
                index, issuer = trials[trial]
                winners.setdefault(index, (issuer, mode))
        if progress is not None:
            progress(done, len(certificates))
    return [_verdict(certificate, candidates[i], winners.get(i), now) for i, certificate in enumerate(certificates)]


def _candidates(certificate: Certificate, by_name: dict[str, list[Certificate]]) -> tuple[Certificate, ...]:
    if not certificate.is_sm2:
        return ()
    named = by_name.get(certificate.issuer_name, [])
    return tuple(sorted(named, key=lambda candidate: not _is_named_key(certificate, candidate)))


def _is_named_key(certificate: Certificate, candidate: Certificate) -> bool:
    """Whether the certificate names its issuer's key and the candidate's is that key."""
    wanted = certificate.issuer_key_identifier
    return wanted is not None and candidate.key_identifier == wanted


def _trial_batches(
    certificates: Sequence[Certificate], candidates: Sequence[tuple[Certificate, ...]]
) -> Iterator[tuple[list[tuple[int, Certificate]], int]]:
    """Batches of (certificate's index, issuer to try), and how many certificates are done with each batch."""
    trials: list[tuple[int, Certificate]] = []
    for index in range(len(certificates)):
        by_key: dict[bytes | None, Certificate] = {}
        for candidate in candidates[index]:
            by_key.setdefault(candidate.public_key, candidate)
        trials.extend((index, issuer) for issuer in by_key.values())
        if len(trials) >= _TRIALS_AT_ONCE:
            yield trials, index + 1
            trials = []
    if trials:
        yield trials, len(certificates)


def _verdict(
    certificate: Certificate, candidates: tuple[Certificate, ...], winner: tuple[Certificate, str] | None, now: datetime
) -> Verdict:
    notes = list(_validity_notes(certificate, now))
    if not certificate.is_sm2:
        return Verdict(certificate, "not-sm2", notes=(f"signed with {certificate.signature_algorithm}", *notes))
    if winner is None:
        status = "bad-signature" if candidates else "issuer-not-found"
        if candidates and certificate.issuer_key_identifier and not _is_named_key(certificate, candidates[0]):
            notes.append("no candidate has the issuer's key identifier: the issuer may not be among these files")
        return Verdict(certificate, status, candidates=candidates, notes=tuple(notes))
    issuer, mode = winner
    if issuer.ca is not True:
        notes.append("issuer is not marked as a CA (basicConstraints)")
    if issuer.key_usage is not None and "key_cert_sign" not in issuer.key_usage:
        notes.append("issuer's keyUsage lacks keyCertSign")
    return Verdict(certificate, "verified", mode, issuer, candidates, tuple(notes))


def _validity_notes(certificate: Certificate, now: datetime) -> Iterator[str]:
    if now < certificate.not_before:
        yield "not valid yet"
    if now > certificate.not_after:
        yield "expired"
