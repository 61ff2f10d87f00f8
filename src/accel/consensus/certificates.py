"""Certificates: what they must look like, and the check of all their signatures in one call.

A certificate proves that validators with more than two thirds of the voting power of a height voted for one block. Its
form (`check_form`) costs no arithmetic and is what a core checks by itself; its signatures (`SignerRing.check`) are
checked by whoever carries out a core's `Verify` actions. Certificates are checked by the CPU, in the calling thread's
one call to `accel.sm2.verify_digest_many`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from accel import sm2
from accel.consensus.errors import CertificateError
from accel.consensus.evidence import check_conflict
from accel.consensus.messages import PRECOMMIT, PREVOTE, Certificate, Evidence, Proposal, Statement, Vote
from accel.consensus.validators import ValidatorSet

if TYPE_CHECKING:
    from accel.batch import ByteArray

__all__ = ["SignerRing", "check_form"]


def check_form(
    certificate: Certificate,
    validators: ValidatorSet,
    *,
    kind: int | None = None,
    height: int | None = None,
    round: int | None = None,  # noqa: A002 - the field's name
    block_id: bytes | None = None,
) -> None:
    """Check everything about a certificate but its signatures.

    Args:
        certificate: What came.
        validators: The validator set of its height.
        kind: `PREVOTE` or `PRECOMMIT`, if it must be that.
        height: The height it must be of.
        round: The round it must be of.
        block_id: The block it must be for.

    Raises:
        CertificateError: It is of another kind, height, round or block, its signers are not ascending, come twice or
            are unknown, or their power is not more than two thirds. `reason` says which.
    """
    wanted = (("kind", certificate.kind, kind), ("height", certificate.height, height))
    for name, got, want in (*wanted, ("round", certificate.round, round)):
        if want is not None and got != want:
            raise CertificateError(name, f"{name}: expected {want}, got {got}")
    if certificate.kind not in (PREVOTE, PRECOMMIT):
        raise CertificateError("kind", f"kind: expected prevotes (2) or precommits (3), got {certificate.kind}")
    if len(certificate.block_id) != 32 or (block_id is not None and certificate.block_id != block_id):
        raise CertificateError("block", "block_id: it is for another block")
    if certificate.validators != len(validators):
        raise CertificateError(
            "signers", f"validators: expected {len(validators)}, as many as the set has, got {certificate.validators}"
        )
    _check_signers(certificate, validators)


def _check_signers(certificate: Certificate, validators: ValidatorSet) -> None:
    """Check that the signers are different, known, ascending and powerful enough, with a signature each."""
    signers = certificate.signers
    if len(signers) != len(certificate.signatures):
        raise CertificateError(
            "signers", f"signatures: expected {len(signers)}, one for each signer, got {len(certificate.signatures)}"
        )
    powers = validators.powers
    previous, power = -1, 0
    for signer in signers:
        if not 0 <= signer < len(powers):
            raise CertificateError("unknown", f"signers: expected positions below {len(powers)}, got {signer}")
        if signer == previous:
            raise CertificateError("duplicate", f"signers: {signer} comes twice")
        if signer < previous:
            raise CertificateError("unsorted", f"signers: {signer} comes after {previous}")
        power += powers[signer]
        previous = signer
    if power < validators.quorum:
        raise CertificateError("power", f"signers: expected a power of at least {validators.quorum}, got {power}")


class SignerRing:
    """The keys of a validator set as `accel.sm2.KeyRing`, for checking votes, proposals, certificates and evidence.

    Make one for each validator set and keep it: the tables of its keys are what makes checking fast.

    Args:
        validators: The set.
        chain_id: 1 to 48 bytes.
        memory_limit: As in `accel.sm2.KeyRing`.

    Raises:
        BadKeyError: A validator's key is no point of the curve.
    """

    __slots__ = ("_chain_id", "_keys", "_ring", "_validators")

    def __init__(self, validators: ValidatorSet, chain_id: bytes, *, memory_limit: int | None = None) -> None:
        self._validators = validators
        self._chain_id = chain_id
        self._keys = np.frombuffer(b"".join(v.public_key for v in validators.validators), np.uint8).reshape(-1, 64)
        self._ring = sm2.KeyRing(self._keys, memory_limit=memory_limit)

    @property
    def validators(self) -> ValidatorSet:
        """The validator set."""
        return self._validators

    def verify_many(self, signed: Sequence[Vote | Proposal | Statement]) -> ByteArray:
        """Check the signatures of N votes, proposals or statements in one call.

        Returns:
            An (N,) uint8 array of statuses, `accel.sm2.OK` for a valid signature; a validator that is not in the set
            has `accel.sm2.BAD_KEY`.
        """
        count = len(self._validators)
        status = np.full(len(signed), sm2.BAD_KEY, np.uint8)
        known = [i for i, item in enumerate(signed) if 0 <= item.validator < count and len(item.signature) == 64]
        if known:
            items = [signed[i] for i in known]
            status[known] = self._verify(
                [item.validator for item in items],
                [item.signature for item in items],
                [item.sign_bytes(self._chain_id) for item in items],
            )
        return status

    def _verify(self, signers: Sequence[int], signatures: Sequence[bytes], messages: Sequence[bytes]) -> ByteArray:
        """Check signatures, each by its signer over its message."""
        indices = np.array(signers, np.uint32)
        digests = sm2.digest_many(self._keys[indices], messages)
        rows = np.frombuffer(b"".join(signatures), np.uint8).reshape(-1, 64)
        return sm2.verify_digest_many(self._ring[indices], rows, digests)

    def check(
        self,
        certificate: Certificate,
        *,
        kind: int | None = None,
        height: int | None = None,
        round: int | None = None,  # noqa: A002 - the field's name
        block_id: bytes | None = None,
    ) -> None:
        """Check a certificate: its form, then all signatures in one call.

        The chain's identifier is in what they signed, so a certificate of another chain has no valid signature.

        Args:
            certificate: What came.
            kind: As in `check_form`.
            height: As in `check_form`.
            round: As in `check_form`.
            block_id: As in `check_form`.

        Raises:
            CertificateError: As in `check_form`, or a signature is not valid (`reason` is ``signature``).
        """
        check_form(certificate, self._validators, kind=kind, height=height, round=round, block_id=block_id)
        if any(len(signature) != 64 for signature in certificate.signatures):
            raise CertificateError("signature", "signatures: expected 64 bytes each")
        message = certificate.sign_bytes(self._chain_id)
        status = self._verify(certificate.signers, certificate.signatures, [message] * len(certificate.signers))
        bad = np.flatnonzero(status != sm2.OK)
        if bad.size:
            signer = certificate.signers[int(bad[0])]
            raise CertificateError(
                "signature", f"signatures: {bad.size} of {len(status)} are not valid, the first by validator {signer}"
            )

    def check_evidence(self, evidence: Evidence) -> None:
        """Check that a validator signed two statements of which an honest one signs one.

        Raises:
            CertificateError: The statements do not conflict (`reason` is ``conflict``), their signer is not in the set
                (``unknown``), or a signature is not valid (``signature``).
        """
        check_conflict(evidence)
        if not 0 <= evidence.validator < len(self._validators):
            raise CertificateError("unknown", f"validator: expected a position of the set, got {evidence.validator}")
        if (self.verify_many([evidence.first, evidence.second]) != sm2.OK).any():
            raise CertificateError("signature", "evidence: a signature is not valid")
