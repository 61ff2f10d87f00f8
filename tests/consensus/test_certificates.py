"""Certificates and evidence with real SM2 signatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel import reference, sm2
from accel.consensus import CertificateError, MessageError, Validator, ValidatorSet, certificates, evidence
from accel.consensus import messages as m
from accel.consensus.certificates import SignerRing

CHAIN = b"certificates"
ID, OTHER = b"\x11" * 32, b"\x22" * 32
POWERS = (3, 1, 2, 2, 1, 4)  # 13 together: a quorum is 9


class Chain:
    """Validators with real keys, by position."""

    def __init__(self, powers: Sequence[int] = POWERS, chain_id: bytes = CHAIN) -> None:
        private = [sm2.PrivateKey.from_bytes((i + 7).to_bytes(32, "big")) for i in range(len(powers))]
        power_of = {bytes(key.public_key.raw): power for key, power in zip(private, powers, strict=True)}
        self.chain_id = chain_id
        self.validators = ValidatorSet(Validator(key, power) for key, power in power_of.items())
        self.keys = sorted(private, key=lambda key: bytes(key.public_key.raw))
        self.ring = SignerRing(self.validators, CHAIN)

    def sign(self, validator: int, kind: int, round_: int, block: bytes, height: int = 5) -> m.Vote:
        raw = self.keys[validator].sign(m.sign_bytes(self.chain_id, kind, height, round_, -1, block))
        return m.Vote(kind, height, round_, block, validator, bytes(raw))

    def certificate(
        self, signers: Sequence[int], kind: int = m.PRECOMMIT, round_: int = 2, block: bytes = ID, height: int = 5
    ) -> m.Certificate:
        votes = [self.sign(i, kind, round_, block, height) for i in signers]
        count = len(self.validators)
        return m.Certificate(kind, height, round_, block, count, tuple(signers), tuple(v.signature for v in votes))

    def quorum(self) -> tuple[int, ...]:
        """The fewest most powerful positions with a quorum, ascending."""
        chosen: list[int] = []
        for i in sorted(range(len(self.validators)), key=lambda i: -self.validators.powers[i]):
            chosen.append(i)
            if sum(self.validators.powers[j] for j in chosen) >= self.validators.quorum:
                break
        return tuple(sorted(chosen))


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


def reason(ring: SignerRing, certificate: m.Certificate, **wanted: Any) -> str:
    with pytest.raises(CertificateError) as caught:
        ring.check(certificate, **wanted)
    return caught.value.reason


def test_a_quorum_certificate_holds(chain: Chain) -> None:
    certificate = chain.certificate(chain.quorum())
    chain.ring.check(certificate)
    chain.ring.check(certificate, kind=m.PRECOMMIT, height=5, round=2, block_id=ID)
    chain.ring.check(m.decode_certificate(m.encode_certificate(certificate)))
    chain.ring.check(chain.certificate(range(len(POWERS)), kind=m.PREVOTE))


def test_the_reference_agrees(chain: Chain) -> None:
    """An independent implementation finds the same signatures over the same bytes valid."""
    certificate = chain.certificate(chain.quorum())
    for signer, signature in zip(certificate.signers, certificate.signatures, strict=True):
        raw = chain.validators.validators[signer].public_key
        key, pair = (tuple(int.from_bytes(half, "big") for half in (x[:32], x[32:])) for x in (raw, signature))
        e = reference.sm2.digest(reference.sm2.RECOMMENDED, key, certificate.sign_bytes(CHAIN))  # type: ignore[arg-type]
        assert reference.sm2.verify(reference.sm2.RECOMMENDED, key, pair, e).ok  # type: ignore[arg-type]


def test_one_call_checks_all_signatures(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = chain.certificate(chain.quorum())
    calls: list[int] = []
    real = sm2.verify_digest_many
    monkeypatch.setattr(
        certificates.sm2, "verify_digest_many", lambda keys, *rest: calls.append(len(keys)) or real(keys, *rest)
    )
    chain.ring.check(certificate)
    assert calls == [len(certificate.signers)]


def test_what_is_wrong_has_a_reason(chain: Chain) -> None:
    signers = chain.quorum()
    good = chain.certificate(signers)
    assert reason(chain.ring, good, kind=m.PREVOTE) == "kind"
    assert reason(chain.ring, good, height=6) == "height"
    assert reason(chain.ring, good, round=1) == "round"
    assert reason(chain.ring, good, block_id=OTHER) == "block"
    assert reason(chain.ring, good._replace(kind=m.PROPOSAL)) == "kind"
    assert reason(chain.ring, good._replace(block_id=m.NIL)) == "block"
    assert reason(chain.ring, good._replace(validators=7)) == "signers"
    assert reason(chain.ring, good._replace(signatures=good.signatures[:-1])) == "signers"
    assert reason(chain.ring, chain.certificate(signers[:-1])) == "power"
    assert reason(chain.ring, chain.certificate(())) == "power"
    assert reason(chain.ring, good._replace(signatures=(b"short", *good.signatures[1:]))) == "signature"


def test_a_duplicate_does_not_count_twice(chain: Chain) -> None:
    signers = chain.quorum()[:-1]
    assert reason(chain.ring, chain.certificate((*signers, signers[-1]))) == "duplicate"


def test_unsorted_and_unknown_signers(chain: Chain) -> None:
    good = chain.certificate(chain.quorum())
    swapped = (good.signers[1], good.signers[0], *good.signers[2:])
    assert reason(chain.ring, good._replace(signers=swapped)) == "unsorted"
    assert reason(chain.ring, good._replace(signers=(*good.signers[:-1], len(POWERS)))) == "unknown"
    assert reason(chain.ring, good._replace(signers=(-1, *good.signers[1:]))) == "unknown"


@pytest.mark.parametrize(
    "claim",
    [{"kind": m.PREVOTE}, {"height": 6}, {"round": 3}, {"block_id": OTHER}],
    ids=["type", "height", "round", "block"],
)
def test_signatures_are_over_type_height_round_and_block(chain: Chain, claim: dict[str, Any]) -> None:
    """The same signatures under another claim, where no caller says what it must be."""
    assert reason(chain.ring, chain.certificate(chain.quorum())._replace(**claim)) == "signature"


def test_signatures_are_over_the_chain(chain: Chain) -> None:
    elsewhere = Chain(chain_id=b"another chain")
    assert reason(chain.ring, elsewhere.certificate(elsewhere.quorum())) == "signature"


def test_each_signature_counts(chain: Chain) -> None:
    good = chain.certificate(chain.quorum())
    for i in range(len(good.signers)):
        bad = bytearray(good.signatures[i])
        bad[40] ^= 1
        signatures = (*good.signatures[:i], bytes(bad), *good.signatures[i + 1 :])
        assert reason(chain.ring, good._replace(signatures=signatures)) == "signature"
    rotated = (*good.signatures[1:], good.signatures[0])
    assert reason(chain.ring, good._replace(signatures=rotated)) == "signature"


def test_five_equal_validators_need_four() -> None:
    """2f + 1 = 3 of 5 are no quorum: two such sets meet in one validator."""
    five = Chain((1,) * 5)
    assert reason(five.ring, five.certificate((0, 1, 2))) == "power"
    five.ring.check(five.certificate((0, 1, 2, 4)))


def test_votes_proposals_and_statements_in_one_call(chain: Chain) -> None:
    vote = chain.sign(1, m.PREVOTE, 0, m.NIL)
    raw = chain.keys[2].sign(m.sign_bytes(CHAIN, m.PROPOSAL, 5, 3, 1, ID))
    proposal = m.Proposal(5, 3, 1, ID, 2, bytes(raw), b"block")
    signed = [
        vote,
        proposal,
        vote.statement(),
        proposal.statement(),
        vote._replace(round=1),
        proposal._replace(valid_round=0),
        vote._replace(validator=2),
        vote._replace(validator=99),
        vote._replace(signature=b"short"),
        vote._replace(signature=bytes(64)),
    ]
    status = chain.ring.verify_many(signed)
    assert status.tolist() == [1, 1, 1, 1, 2, 2, 2, 3, 3, 4]
    assert chain.ring.verify_many([]).tolist() == []
    assert status.dtype == np.uint8


def test_evidence_holds_and_what_is_none_does_not(chain: Chain) -> None:
    first, second = (chain.sign(3, m.PREVOTE, 1, block).statement() for block in (ID, OTHER))
    good = m.Evidence(first, second)
    chain.ring.check_evidence(good)
    chain.ring.check_evidence(m.decode_evidence(m.encode_evidence(good)))
    assert good.validator == 3
    nil = chain.sign(3, m.PREVOTE, 1, m.NIL).statement()
    chain.ring.check_evidence(m.Evidence(first, nil))
    later = chain.sign(3, m.PREVOTE, 2, OTHER).statement()
    precommit = chain.sign(3, m.PRECOMMIT, 1, OTHER).statement()
    of_another = chain.sign(4, m.PREVOTE, 1, OTHER).statement()
    for other in (first, later, precommit, of_another):
        with pytest.raises(CertificateError) as caught:
            chain.ring.check_evidence(m.Evidence(first, other))
        assert caught.value.reason == "conflict"
    forged = second._replace(signature=first.signature)
    with pytest.raises(CertificateError) as caught:
        chain.ring.check_evidence(m.Evidence(first, forged))
    assert caught.value.reason == "signature"
    with pytest.raises(CertificateError) as caught:
        chain.ring.check_evidence(m.Evidence(first._replace(validator=9), second._replace(validator=9)))
    assert caught.value.reason == "unknown"


def test_two_certificates_of_a_round_name_more_than_a_third() -> None:
    four = Chain((1,) * 4)
    one, other = four.certificate((0, 1, 2)), four.certificate((1, 2, 3), block=OTHER)
    four.ring.check(one)
    four.ring.check(other)
    found = evidence.from_certificates(one, other)
    assert sorted(item.validator for item in found) == [1, 2]
    for item in found:
        four.ring.check_evidence(item)
    assert evidence.from_certificates(one, four.certificate((1, 2, 3), block=OTHER, round_=3)) == []


FUZZED = Chain()
GOOD = FUZZED.certificate(FUZZED.quorum())
RAW = m.encode_certificate(GOOD)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(1, 255)), min_size=1, max_size=3))
def test_a_certificate_whose_bytes_were_changed_never_holds(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(RAW)
    for at, mask in changes:
        raw[at] ^= mask
    if bytes(raw) == RAW:
        return
    with pytest.raises((MessageError, CertificateError)):
        FUZZED.ring.check(m.decode_certificate(bytes(raw)))
