"""Exact bytes of what is signed and sent, and what is refused of bytes that come."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.consensus import MessageError
from accel.consensus import messages as m
from accel.consensus import records as r

ID = bytes(range(32))
SIGNATURE = bytes(range(64))
heights = st.integers(1, m.MAX_HEIGHT)
rounds = st.integers(0, m.MAX_ROUND)
block_ids = st.binary(min_size=32, max_size=32)
signatures = st.binary(min_size=64, max_size=64)
positions = st.integers(0, m.MAX_VALIDATORS - 1)
votes = st.builds(m.Vote, st.sampled_from([2, 3]), heights, rounds, st.just(b"") | block_ids, positions, signatures)


@st.composite
def certificates(draw: Any) -> m.Certificate:
    validators = draw(st.integers(1, 100))
    signers = tuple(sorted(draw(st.sets(st.integers(0, validators - 1), max_size=20))))
    raw = tuple(draw(signatures) for _ in signers)
    kind = draw(st.sampled_from([2, 3]))
    return m.Certificate(kind, draw(heights), draw(rounds), draw(block_ids), validators, signers, raw)


@st.composite
def proposals(draw: Any) -> m.Proposal:
    round_ = draw(rounds)
    valid_round = draw(st.integers(-1, round_ - 1))
    certificate = draw(st.none() | certificates())
    block = draw(st.binary(max_size=100))
    return m.Proposal(
        draw(heights), round_, valid_round, draw(block_ids), draw(positions), draw(signatures), block, certificate
    )


@st.composite
def statuses(draw: Any) -> m.Status:
    n = draw(st.integers(1, 20))
    size, mask = (n + 7) // 8, (1 << n) - 1
    bitmaps = [(draw(st.integers(0, mask))).to_bytes(size, "little") for _ in range(2)]
    previous = draw(st.just(b"") | block_ids)
    return m.Status(draw(heights), draw(rounds), draw(st.integers(0, 2)), draw(st.booleans()), previous, n, *bitmaps)


@st.composite
def statements(draw: Any) -> m.Statement:
    vote = draw(votes)
    return draw(st.sampled_from([vote.statement(), draw(proposals()).statement()]))


messages = votes | proposals() | st.builds(m.Decision, st.binary(max_size=100), certificates()) | statuses()
intents = st.builds(lambda s: m.Intent(*s[:5]), statements())
all_records = (
    st.builds(r.IntentRecord, intents, st.integers(-1, m.MAX_ROUND), st.integers(-1, m.MAX_ROUND))
    | st.builds(r.ValidRecord, st.binary(max_size=50), certificates())
    | st.builds(r.DecisionRecord, st.binary(max_size=50), certificates())
    | st.builds(r.EvidenceRecord, st.builds(m.Evidence, statements(), statements()))
    | st.builds(r.VoteRecord, votes)
)


def test_the_bytes_under_a_signature() -> None:
    vote = m.Vote(m.PRECOMMIT, 0x0102030405060708, 0x0A0B, ID, 5, SIGNATURE)
    assert vote.sign_bytes(b"chain") == (
        b"accel/tbft/1\0\0\0\0" + b"\3" + bytes(range(1, 9)) + b"\0\0\x0a\x0b" + b"\xff" * 4 + b"\1" + ID + b"\5chain"
    )
    nil = vote._replace(block_id=m.NIL, kind=m.PREVOTE)
    assert nil.sign_bytes(b"chain") == (
        b"accel/tbft/1\0\0\0\0" + b"\2" + bytes(range(1, 9)) + b"\0\0\x0a\x0b" + b"\xff" * 4 + bytes(33) + b"\5chain"
    )
    proposal = m.Proposal(1, 3, 2, ID, 0, SIGNATURE, b"block")
    assert proposal.sign_bytes(b"c") == (
        b"accel/tbft/1\0\0\0\0" + b"\1" + bytes(7) + b"\1\0\0\0\3\0\0\0\2\1" + ID + b"\1c"
    )


def test_sign_bytes_tell_everything_apart() -> None:
    """Chain, type, height, round, valid round and block: no two that differ are signed alike."""
    base = (b"chain", m.PROPOSAL, 7, 5, 3, ID)
    others = [
        (b"chaim", *base[1:]),
        (b"chain2", *base[1:]),
        (*base[:2], 8, *base[3:]),
        (*base[:3], 6, *base[4:]),
        (*base[:4], 2, ID),
        (*base[:4], -1, ID),
        (*base[:5], ID[::-1]),
        (b"chain", m.PREVOTE, 7, 5, -1, ID),
        (b"chain", m.PRECOMMIT, 7, 5, -1, ID),
        (b"chain", m.PREVOTE, 7, 5, -1, b""),
        (b"chain", m.PREVOTE, 7, 5, -1, bytes(32)),
    ]
    found = {m.sign_bytes(*args) for args in [base, *others]}
    assert len(found) == 1 + len(others)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ((b"", 2, 1, 0, -1, ID), "chain_id"),
        ((b"x" * 49, 2, 1, 0, -1, ID), "chain_id"),
        ((b"c", 0, 1, 0, -1, ID), "kind"),
        ((b"c", 4, 1, 0, -1, ID), "kind"),
        ((b"c", 2, 0, 0, -1, ID), "height"),
        ((b"c", 2, m.MAX_HEIGHT + 1, 0, -1, ID), "height"),
        ((b"c", 2, 1, -1, -1, ID), "round"),
        ((b"c", 2, 1, m.MAX_ROUND + 1, -1, ID), "round"),
        ((b"c", 2, 1, 1, 0, ID), "valid_round"),
        ((b"c", 1, 1, 1, 1, ID), "valid_round"),
        ((b"c", 1, 1, 1, -2, ID), "valid_round"),
        ((b"c", 1, 1, 1, 0, b""), "block_id"),
        ((b"c", 2, 1, 1, -1, b"x" * 31), "block_id"),
    ],
)
def test_nothing_outside_its_limits_is_signed(args: tuple[Any, ...], named: str) -> None:
    with pytest.raises(MessageError, match=named):
        m.sign_bytes(*args)


def test_the_bytes_of_a_vote_and_of_a_certificate() -> None:
    vote = m.Vote(m.PREVOTE, 9, 2, ID, 300, SIGNATURE)
    assert m.encode(vote) == b"\2" + struct.pack(">QIIH", 9, 2, 0xFFFFFFFF, 300) + b"\1" + ID + SIGNATURE
    certificate = m.Certificate(m.PRECOMMIT, 9, 2, ID, 10, (0, 3, 9), (SIGNATURE, b"1" * 64, b"2" * 64))
    assert m.encode_certificate(certificate) == (
        b"\3" + struct.pack(">QI", 9, 2) + ID + b"\0\x0a" + b"\x09\x02" + SIGNATURE + b"1" * 64 + b"2" * 64
    )
    of_67 = m.Certificate(m.PRECOMMIT, 9, 2, ID, 100, tuple(range(67)), (SIGNATURE,) * 67)
    assert len(m.encode_certificate(of_67)) == 47 + 13 + 67 * 64


@given(messages)
def test_messages_come_back(message: m.Message) -> None:
    back = m.decode(m.encode(message))
    assert back == message
    assert type(back) is type(message)


@given(all_records)
def test_records_come_back(record: r.Record) -> None:
    back = r.decode_record(r.encode_record(record))
    assert back == record
    assert type(back) is type(record)


@given(messages, st.data())
def test_bytes_that_were_tampered_with_are_refused_or_other_messages(message: m.Message, data: st.DataObject) -> None:
    """Never an error of another type, and never two encodings of one message."""
    raw = bytearray(m.encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        what = data.draw(st.sampled_from(["flip", "cut", "grow"]))
        if what == "flip" and raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        elif what == "cut":
            del raw[data.draw(st.integers(0, len(raw))) :]
        else:
            raw += data.draw(st.binary(min_size=1, max_size=9))
    try:
        back = m.decode(bytes(raw))
    except MessageError:
        return
    assert m.encode(back) == bytes(raw)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_come_back(raw: bytes) -> None:
    for decode, encode in (
        (m.decode, m.encode),
        (m.decode_certificate, m.encode_certificate),
        (m.decode_evidence, m.encode_evidence),
        (r.decode_record, r.encode_record),
    ):
        try:
            back: Any = decode(raw)
        except MessageError:
            continue
        assert encode(back) == raw


@pytest.mark.parametrize("cut", [0, 1, 50, 115])
def test_what_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(MessageError):
        m.decode(m.encode(m.Vote(2, 1, 0, ID, 1, SIGNATURE))[:cut])


def test_lengths_are_not_trusted() -> None:
    proposal = m.encode(m.Proposal(1, 0, -1, ID, 0, SIGNATURE, b"block"))
    at = proposal.index(b"\0\0\0\5block")
    for length in (7, 1 << 20, (1 << 32) - 1):
        with pytest.raises(MessageError, match="block"):
            m.decode(proposal[:at] + struct.pack(">I", length) + proposal[at + 4 :])
    with pytest.raises(MessageError, match="block"):
        m.encode(m.Proposal(1, 0, -1, ID, 0, SIGNATURE, bytes(m.MAX_BLOCK_BYTES + 1)))


def test_bits_beyond_the_set_are_refused() -> None:
    raw = bytearray(m.encode_certificate(m.Certificate(2, 1, 0, ID, 10, (0,), (SIGNATURE,))))
    raw[48] |= 0x80
    with pytest.raises(MessageError, match="bitmap"):
        m.decode_certificate(bytes(raw))


@pytest.mark.parametrize("signers", [(1, 0), (0, 0), (0, 10), (-1, 0), (0,)])
def test_signers_must_be_ascending_to_be_encoded(signers: tuple[int, ...]) -> None:
    with pytest.raises(MessageError, match="sign"):
        m.encode_certificate(m.Certificate(2, 1, 0, ID, 10, signers, (SIGNATURE,) * 2))


def test_a_type_error_for_what_is_no_message() -> None:
    with pytest.raises(TypeError, match="message"):
        m.encode("vote")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="record"):
        r.encode_record("record")  # type: ignore[arg-type]
