"""Evidence of double signing: finding it in what was signed.

An honest validator signs one proposal, one prevote and one precommit in a round. Two different ones with its signatures
prove the contrary to anybody (`accel.consensus.certificates.SignerRing.check_evidence`).
"""

from __future__ import annotations

from collections.abc import Iterable

from accel.consensus.errors import CertificateError
from accel.consensus.messages import PREVOTE, Certificate, Evidence, Proposal, Statement, Vote
from accel.consensus.validators import ValidatorSet

__all__ = ["accusation", "check_conflict", "differ", "find", "find_amnesia", "from_certificates"]


def accusation(statement: Statement) -> tuple[int, int, int, int]:
    """Return what the signer of `statement` can be accused of once: height, type, round, and its position."""
    return statement.height, statement.kind, statement.round, statement.validator


def differ(first: Statement, second: Statement) -> bool:
    """Return whether `first` and `second`, of one signer, type, height and round, say different things."""
    return first.block_id != second.block_id or first.valid_round != second.valid_round


def check_conflict(evidence: Evidence) -> None:
    """Check everything about `evidence` but its signatures.

    Raises:
        CertificateError: The statements are of different signers, types, heights or rounds, or say the same; `reason`
            is ``conflict``.
    """
    first, second = evidence
    if accusation(first) != accusation(second):
        raise CertificateError("conflict", "evidence: not of one signer, type, height and round")
    if not differ(first, second):
        raise CertificateError("conflict", "evidence: both statements say the same")


def find(signed: Iterable[Vote | Proposal | Statement]) -> list[Evidence]:
    """Return one piece of evidence for each signer, type, height and round that two statements conflict in.

    Args:
        signed: What validators of one chain signed, in any order; signatures are not checked here.
    """
    firsts: dict[tuple[int, int, int, int], Statement] = {}
    found: dict[tuple[int, int, int, int], Evidence] = {}
    for item in signed:
        statement = item if isinstance(item, Statement) else item.statement()
        key = accusation(statement)
        first = firsts.setdefault(key, statement)
        if key not in found and differ(first, statement):
            found[key] = Evidence(first, statement)
    return list(found.values())


def from_certificates(first: Certificate, second: Certificate) -> list[Evidence]:
    """Return the evidence in certificates `first` and `second` of one kind, height and round for different blocks.

    Validators with more than a third of the power signed both.
    """
    return find([*first.votes(), *second.votes()])


def find_amnesia(signed: Iterable[Vote | Proposal], validators: ValidatorSet) -> list[int]:
    """Return who voted against its own lock: precommitted a block, then prevoted another that nothing released it for.

    After a precommit for v in round r, rules 22 and 28 allow a prevote for another block w in a later round s only if w
    has the prevotes of more than two thirds in a round from r to s − 1. Votes of different rounds do not conflict by
    themselves, so unlike double signing this is an audit of a transcript: it accuses rightly if the transcript holds
    the certificate that released the lock, in a proposal or as votes, wherever there was one.

    Args:
        signed: Votes and proposals of one height, in any order; signatures are not checked here.
        validators: The validator set of that height.

    Returns:
        Positions, ascending.
    """
    prevotes: dict[tuple[int, bytes], set[int]] = {}
    precommits: set[tuple[int, int, bytes]] = set()
    for item in signed:
        votes = [item] if isinstance(item, Vote) else item.certificate.votes() if item.certificate else []
        for vote in votes:
            if vote.block_id and vote.kind == PREVOTE:
                prevotes.setdefault((vote.round, vote.block_id), set()).add(vote.validator)
            elif vote.block_id:
                precommits.add((vote.validator, vote.round, vote.block_id))
    powers = validators.powers
    polkas = {key for key, voters in prevotes.items() if sum(powers[i] for i in voters) >= validators.quorum}
    guilty = set()
    for validator, locked, block_id in precommits:
        for (round_, other), voters in prevotes.items():
            if round_ > locked and other != block_id and validator in voters:
                released = any(block == other and locked <= polka < round_ for polka, block in polkas)
                guilty |= set() if released else {validator}
    return sorted(guilty)
