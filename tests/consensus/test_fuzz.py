"""Fuzzing a core with events, bytes and logs: typed errors, never a crash, a second signature or another decision.

``make fuzz-consensus`` runs these with a hundred times the examples.
"""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from accel.consensus import Core, EventError, MessageError, Validator, ValidatorSetError
from accel.consensus import actions as a
from accel.consensus import events as e
from accel.consensus import messages as m
from accel.consensus.driver import ENTRY_CORE
from accel.consensus.errors import ConsensusError
from accel.consensus.records import DecisionRecord, decode_record, encode_record
from accel.consensus.wal import WriteAheadLog

from .memory_disk import MemoryDisk
from .network import CONFIG, block_id, key, signature, validator_set
from .solo import Solo

BLOCKS = (b"A", b"B")
IDS = (m.NIL, *map(block_id, BLOCKS))
N = 4
EXAMPLES = settings().max_examples  # of the profile

few_heights = st.sampled_from([1, 1, 1, 1, 2, 2, 3])
few_rounds = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 60_000])
wide = st.integers(-(1 << 70), 1 << 70)
positions = st.integers(0, N - 1)
signatures = st.just(b"s" * 64)
updates = st.builds(Validator, st.integers(0, N).map(key) | st.binary(max_size=70), st.integers(0, 5) | wide)

votes = st.builds(m.Vote, st.sampled_from([2, 3]), few_heights, few_rounds, st.sampled_from(IDS), positions, signatures)
certificates = st.builds(
    lambda kind, height, round_, block, signers: m.Certificate(
        kind, height, round_, block, N, tuple(signers), (b"s" * 64,) * len(signers)
    ),
    st.sampled_from([2, 3]),
    few_heights,
    few_rounds,
    st.sampled_from(IDS[1:]),
    st.sampled_from([(0, 1, 2), (1, 2, 3), (0, 1, 2, 3), (0, 1), (0, 0, 1), (2, 1, 0), (0, 1, 9)]),
)
proposals = st.builds(
    lambda height, round_, valid, block, by, proof: m.Proposal(
        height, round_, valid, block_id(block), by, b"s" * 64, block, proof
    ),
    few_heights,
    few_rounds,
    st.sampled_from([-1, -1, 0, 1]),
    st.sampled_from(BLOCKS),
    positions,
    st.none() | certificates,
)
decisions = st.builds(m.Decision, st.sampled_from(BLOCKS), certificates)
bitmaps = st.integers(0, 15).map(lambda bits: bytes([bits]))
statuses = st.builds(
    m.Status,
    few_heights,
    few_rounds,
    st.integers(0, 2),
    st.booleans(),
    st.sampled_from(IDS),
    st.just(N),
    bitmaps,
    bitmaps,
)
wild_votes = st.builds(m.Vote, wide, wide, wide, st.binary(max_size=40), wide, st.binary(max_size=70))
messages = votes | proposals | decisions | certificates | statuses | wild_votes
events = (
    st.builds(e.Received, st.integers(0, 5), messages)
    | st.builds(e.Received, wide, votes)
    | st.builds(e.Timeout, st.integers(0, 3), few_heights, few_rounds)
    | st.builds(e.Timeout, wide, wide, wide)
    | st.builds(lambda h, r, b: e.Proposed(h, r, block_id(b), b), few_heights, few_rounds, st.sampled_from(BLOCKS))
    | st.builds(e.Verified, wide, st.booleans(), st.booleans())
    | st.builds(e.Durable, wide)
    | st.builds(e.Signed, wide, signatures)
    | st.builds(e.SignRefused, wide)
    | st.builds(e.Applied, few_heights | wide, st.lists(updates, max_size=3).map(tuple))
    | st.just(e.Start())
)


class Watch:
    """A core's driver that notes what must never change: signatures, decisions, the order of deliveries."""

    def __init__(self, me: int) -> None:
        self.me = me
        self.core = Core(CONFIG._replace(public_key=key(me), future_messages=6), 1, validator_set([1] * N))
        self.signed: dict[tuple[int, int, int], m.Intent] = {}
        self.delivered: dict[int, bytes] = {}
        self.sent: set[tuple[int, int, int, bytes]] = set()
        self.give(e.Start(), True, True)

    def give(self, event: Any, ok: bool, valid: bool) -> None:
        queue = [event]
        while queue:
            try:
                found = self.core.step(queue.pop(0))
            except (EventError, ValidatorSetError):
                continue
            for action in found:
                queue += self.note(action, ok, valid)
        memory = self.core.memory
        assert memory["rounds"] <= CONFIG.keep_rounds + 2 + N * CONFIG.future_rounds
        assert memory["future"] <= 6 * (6 + CONFIG.catch_up)
        assert memory["pending"] == memory["undurable"] == memory["unsigned"] == 0

    def note(self, action: Any, ok: bool, valid: bool) -> list[Any]:
        if isinstance(action, a.Persist):
            return [e.Durable(action.id)]
        if isinstance(action, a.Sign):
            place = action.intent[:3]
            assert self.signed.setdefault(place, action.intent) == action.intent
            return [e.Signed(action.id, signature(self.me, action.intent))]
        if isinstance(action, a.Verify):
            return [e.Verified(action.id, ok, valid)]
        if isinstance(action, a.Deliver):
            assert action.height == len(self.delivered) + 1
            assert action.block_id == action.certificate.block_id
            self.delivered[action.height] = action.block_id
        return []


@settings(max_examples=6 * EXAMPLES)
@given(
    st.integers(0, N),
    st.lists(st.tuples(events, st.booleans(), st.sampled_from([True, True, True, False])), max_size=60),
)
def test_any_events(me: int, given_events: list[tuple[Any, bool, bool]]) -> None:
    watch = Watch(me)
    for event, ok, valid in given_events:
        decided = watch.core.decision
        height = watch.core.height
        watch.give(event, ok, valid)
        if decided is not None and watch.core.height == height:
            assert watch.core.decision == decided


@settings(max_examples=3 * EXAMPLES)
@given(st.lists(st.tuples(events, st.booleans()), max_size=40))
def test_what_does_not_verify_changes_nothing_but_counters(given_events: list[tuple[Any, bool]]) -> None:
    """A core that is given forgeries besides says and does what one without them does."""
    with_forgeries, without = Watch(3), Watch(3)
    for event, genuine in given_events:
        signed = isinstance(event, e.Received) and not isinstance(event.message, m.Status)
        with_forgeries.give(event, genuine, True)
        if genuine or not signed:
            without.give(event, genuine, True)
        one, other = with_forgeries.core, without.core
        if one.memory["future"] == other.memory["future"] == 0:
            assert (one.height, one.round, one.step_number) == (other.height, other.round, other.step_number)
            assert with_forgeries.signed == without.signed


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_from_peers_leave_a_core_as_it_was(pieces: list[bytes]) -> None:
    solo = Solo(3)
    for raw in pieces:
        with contextlib.suppress(MessageError):
            solo.give(e.Received(0, m.decode(raw)))
    assert (solo.core.height, solo.core.round, solo.core.decision) == (1, 0, None)


@settings(max_examples=2 * EXAMPLES)
@given(st.data())
def test_a_quorum_decides_whatever_one_faulty_validator_sends(data: st.DataObject) -> None:
    """Three of four decide A; the fourth, and whoever else, may say anything in between, in its own name."""
    solo = Solo(3)
    ours = [("propose", 0), ("prevote", 0), ("prevote", 2), ("precommit", 0), ("precommit", 2)]
    faulty = (
        st.builds(lambda v: v._replace(validator=1), votes)
        | statuses
        | st.builds(lambda p: p._replace(validator=1, round=1, valid_round=-1, certificate=None), proposals)
    )
    for what, validator in ours:
        for message in data.draw(st.lists(faulty, max_size=6)):
            with contextlib.suppress(EventError):
                solo.receive(message, sender=1)
        if what == "propose":
            solo.propose(0, b"A")
        elif what == "prevote":
            solo.prevote(0, IDS[1], validator)
        else:
            solo.precommit(0, IDS[1], validator)
    assert solo.core.decision.certificate.block_id == IDS[1]


def log_of_a_decision() -> list[Any]:
    """What the log of a validator holds that has locked, precommitted and decided A."""
    solo = Solo(3)
    solo.propose(0, b"A")
    solo.prevote(0, IDS[1], 0, 1)
    solo.precommit(0, IDS[1], 0, 1)
    return solo.records


RECORDS = log_of_a_decision()


@settings(max_examples=6 * EXAMPLES)
@given(st.integers(1, len(RECORDS)), st.data())
def test_no_damage_to_the_log_changes_what_was_decided(synced: int, data: st.DataObject) -> None:
    """A log with changed, cut or added bytes is refused, or gives the same decision, or is one that ended before it."""
    disk = MemoryDisk()
    log = WriteAheadLog(disk)
    for number, record in enumerate(RECORDS):
        log.append(ENTRY_CORE, encode_record(record))
        if number >= synced or number == len(RECORDS) - 1:  # one sync for many records, then one for each
            log.sync()
    (name,) = disk.names()
    raw = bytearray(disk.read(name))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        what = data.draw(st.sampled_from(["change", "cut", "add", "repeat"]))
        if what == "change" and at < len(raw):
            raw[at] ^= data.draw(st.integers(1, 255))
        elif what == "cut":
            del raw[at : at + data.draw(st.integers(1, 200))]
        elif what == "add":
            raw[at:at] = data.draw(st.binary(max_size=40))
        else:
            raw[at:at] = raw[at : at + data.draw(st.integers(1, 200))]
    disk.truncate(name, 0)
    disk.write(name, 0, bytes(raw))
    disk.sync(name)
    try:
        found = [decode_record(entry.payload) for entry in WriteAheadLog(disk).recovered]
        core = Core(CONFIG._replace(public_key=key(3)), 1, validator_set([1] * N), found)
    except ConsensusError:
        return
    assert found == RECORDS[: len(found)]
    delivered = [action for action in core.step(e.Start()) if isinstance(action, a.Deliver)]
    knows = any(isinstance(record, DecisionRecord) for record in found)
    assert [action.block for action in delivered] == ([b"A"] if knows else [])
