"""Certificates: what they must look like, and the check of all their signatures in one call.

A certificate proves that validators with more than two thirds of the voting power of a height voted for one block. Its
form (`check_form`) costs no arithmetic and is what a core checks by itself; its signatures (`SignerRing.check`) are
checked by whoever carries out a core's `Verify` actions. Certificates are checked by the CPU, in the calling thread's
one call to `accel.sm2.verify_digest_many`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from accel import sm2, sm3
from accel.consensus.errors import CertificateError
from accel.consensus.evidence import check_conflict
from accel.consensus.messages import PRECOMMIT, PREVOTE, Certificate, Evidence, Proposal, Statement, Vote
from accel.consensus.validators import ValidatorSet

if TYPE_CHECKING:
    from accel.batch import ByteArray

__all__ = ["SignerRing", "check_form"]

# ENTL, the ID, and a, b, x_G, y_G of the curve: what ZA hashes before the key (GB/T 32918.2, 5.5; GB/T 32918.5, 4.2).
_ZA_PREFIX: Final = (
    (8 * len(sm2.DEFAULT_ID)).to_bytes(2, "big")
    + sm2.DEFAULT_ID
    + bytes.fromhex(
        "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"
        "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"
        "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
        "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
    )
)


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
    if signers and (signers[0] < 0 or max(signers) >= len(powers)):
        unknown = next(signer for signer in signers if not 0 <= signer < len(powers))
        raise CertificateError("unknown", f"signers: expected positions below {len(powers)}, got {unknown}")
    if any(map(operator.ge, signers, signers[1:])):
        raise _disorder(signers)
    power = sum(map(powers.__getitem__, signers))
    if power < validators.quorum:
        raise CertificateError("power", f"signers: expected a power of at least {validators.quorum}, got {power}")


def _disorder(signers: tuple[int, ...]) -> CertificateError:
    """Return the error for signers that do not ascend."""
    first, second = next(pair for pair in itertools.pairwise(signers) if pair[0] >= pair[1])
    if first == second:
        return CertificateError("duplicate", f"signers: {second} comes twice")
    return CertificateError("unsorted", f"signers: {second} comes after {first}")


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

    __slots__ = ("_chain_id", "_ring", "_validators", "_za")

    def __init__(self, validators: ValidatorSet, chain_id: bytes, *, memory_limit: int | None = None) -> None:
        self._validators = validators
        self._chain_id = chain_id
        keys = [validator.public_key for validator in validators.validators]
        self._ring = sm2.KeyRing(keys, memory_limit=memory_limit)
        self._za = sm3.hash_many([_ZA_PREFIX + key for key in keys])

    @property
    def validators(self) -> ValidatorSet:
        """The validator set."""
        return self._validators

    def verify_many(self, signed: Sequence[Vote | Proposal | Statement]) -> ByteArray:
        """Check the signatures of N votes, proposals or statements, `signed`, in one call.

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
        """Check signatures, each by its signer over its message; messages are of one length, or one for all."""
        indices = np.array(signers, np.uint32)
        size = len(messages[0])
        hashed = np.empty((len(indices), 32 + size), np.uint8)  # ZA ‖ M
        hashed[:, :32] = self._za.take(indices, axis=0)
        hashed[:, 32:] = np.frombuffer(b"".join(messages), np.uint8).reshape(-1, size)
        rows = np.frombuffer(b"".join(signatures), np.uint8).reshape(-1, 64)
        return sm2.verify_digest_many(self._ring[indices], rows, sm3.hash_many(hashed))

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
        count = len(certificate.signers)
        if set(map(len, certificate.signatures)) != {64}:
            raise CertificateError("signature", "signatures: expected 64 bytes each")
        message = certificate.sign_bytes(self._chain_id)
        status = self._verify(certificate.signers, certificate.signatures, [message])
        valid = status.tobytes().count(sm2.OK)
        if valid != count:
            signer = certificate.signers[int(np.flatnonzero(status != sm2.OK)[0])]
            raise CertificateError(
                "signature", f"signatures: {count - valid} of {count} are not valid, the first by validator {signer}"
            )

    def check_evidence(self, evidence: Evidence) -> None:
        """Check that a validator signed the two statements of `evidence`, of which an honest one signs one.

        Raises:
            CertificateError: The statements do not conflict (`reason` is ``conflict``), their signer is not in the set
                (``unknown``), or a signature is not valid (``signature``).
        """
        check_conflict(evidence)
        if not 0 <= evidence.validator < len(self._validators):
            raise CertificateError("unknown", f"validator: expected a position of the set, got {evidence.validator}")
        if (self.verify_many([evidence.first, evidence.second]) != sm2.OK).any():
            raise CertificateError("signature", "evidence: a signature is not valid")
