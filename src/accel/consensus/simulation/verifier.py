"""The verifier of a run: what a node has beside its core, over real or stand-in keys."""

from __future__ import annotations

from typing import Protocol

from accel import sm2
from accel.consensus.certificates import SignerRing
from accel.consensus.errors import CertificateError
from accel.consensus.messages import Certificate, Proposal, Vote
from accel.consensus.simulation.keys import Keys
from accel.consensus.simulation.membership import Membership
from accel.consensus.simulation.scenario import CHAIN_ID, Scenario
from accel.consensus.validators import ValidatorSet

__all__ = ["Verifier", "make_verifier"]


class Verifier(Protocol):
    """Checks signatures."""

    def signed(self, message: Vote | Proposal) -> bool:
        """Whether a message is signed by the validator that it names."""

    def certified(self, certificate: Certificate) -> bool:
        """Whether all signatures of a certificate hold."""


class _StandInVerifier:
    """Signatures one by one; the form of certificates is checked by the core."""

    def __init__(self, keys: Keys, membership: Membership) -> None:
        self._keys = keys
        self._membership = membership

    def signed(self, message: Vote | Proposal) -> bool:
        return self._holds(message.height, message.validator, message.sign_bytes(CHAIN_ID), message.signature)

    def certified(self, certificate: Certificate) -> bool:
        message = certificate.sign_bytes(CHAIN_ID)
        return all(
            self._holds(certificate.height, signer, message, signature)
            for signer, signature in zip(certificate.signers, certificate.signatures, strict=True)
        )

    def _holds(self, height: int, validator: int, message: bytes, signature: bytes) -> bool:
        nodes = self._membership.members(height).nodes
        return 0 <= validator < len(nodes) and self._keys.verify(
            self._keys.public(nodes[validator]), message, signature
        )


class _Sm2Verifier:
    """The ring that ships."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._rings: dict[ValidatorSet, SignerRing] = {}

    def signed(self, message: Vote | Proposal) -> bool:
        return bool(self._ring(message.height).verify_many([message])[0] == sm2.OK)

    def certified(self, certificate: Certificate) -> bool:
        try:
            self._ring(certificate.height).check(certificate)
        except CertificateError:
            return False
        return True

    def _ring(self, height: int) -> SignerRing:
        validators = self._membership.validator_set(height)
        for known, ring in self._rings.items():
            if known.validators == validators.validators:
                return ring
        ring = self._rings[validators] = SignerRing(validators, CHAIN_ID)
        return ring


def make_verifier(scenario: Scenario, keys: Keys, membership: Membership) -> Verifier:
    """The verifier of a scenario."""
    return _Sm2Verifier(membership) if scenario.keys == "sm2" else _StandInVerifier(keys, membership)
