"""Validator sets: keys, voting power, quorums, and whose turn it is to propose.

A set is immutable. Its order, ascending by public key, gives each validator its position, by which votes and
certificates name it. Quorums are shares of power, never counts: with n equal powers and n = 5 two sets of 2f+1 = 3 meet
in one validator, which may be the faulty one; two sets of more than two thirds meet in more than a third.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from accel.consensus.errors import MessageError, ValidatorSetError
from accel.consensus.messages import MAX_VALIDATORS

__all__ = ["MAX_TOTAL_POWER", "Validator", "ValidatorSet"]

MAX_TOTAL_POWER: Final = 1 << 60
"""Chosen so that three times the total, and a priority of twice the total, fit into 64 bits with a sign."""

_COUNT = struct.Struct(">H")
_ENTRY = struct.Struct(">64sQq")


class Validator(NamedTuple):
    """A validator's public key, x ‖ y in 64 bytes, and its voting power."""

    public_key: bytes
    power: int


class ValidatorSet:
    """The validators of one height with the state of the proposers' rotation.

    The rotation is Tendermint's: in each turn every validator's priority grows by its power, the highest priority
    proposes (of equals, the first position) and pays the total power. In ``total`` turns each proposes as often as its
    power says. Round r of height h is the turn h + r, counted from the first height, whatever rounds came before: who
    only knows the decided heights knows the proposers.

    Args:
        validators: 1 to 1,024 of them with different keys and powers of 1 or more, at most 2⁶⁰ together. Any order.

    Raises:
        ValidatorSetError: They do not make a set.
    """

    __slots__ = ("_positions", "_powers", "_priorities", "_proposers", "_running", "_total", "_validators")

    _priorities: tuple[int, ...]

    def __init__(self, validators: Iterable[Validator]) -> None:
        members = tuple(sorted((Validator(bytes(key), power) for key, power in validators), key=lambda v: v[0]))
        if not 1 <= len(members) <= MAX_VALIDATORS:
            raise ValidatorSetError(f"validators: expected 1 to {MAX_VALIDATORS}, got {len(members)}")
        for validator in members:
            _check_validator(validator, 1)
        self._validators = members
        self._positions = {validator.public_key: i for i, validator in enumerate(members)}
        if len(self._positions) != len(members):
            raise ValidatorSetError("validators: a public key comes twice")
        self._powers = tuple(validator.power for validator in members)
        self._total = sum(self._powers)
        if self._total > MAX_TOTAL_POWER:
            raise ValidatorSetError(f"validators: expected a total power of at most 2^60, got {self._total}")
        self._start((0,) * len(members))

    def _start(self, priorities: tuple[int, ...]) -> None:
        """Take the priorities before the turn of round 0."""
        self._priorities = priorities
        self._running = list(priorities)  # after the turns in _proposers
        self._proposers: list[int] = []

    @property
    def validators(self) -> tuple[Validator, ...]:
        """The validators by position."""
        return self._validators

    @property
    def powers(self) -> tuple[int, ...]:
        """Voting powers by position."""
        return self._powers

    @property
    def priorities(self) -> tuple[int, ...]:
        """Priorities of the rotation by position, before the turn of round 0."""
        return self._priorities

    @property
    def total_power(self) -> int:
        """Sum of all powers."""
        return self._total

    @property
    def quorum(self) -> int:
        """The least power that is more than two thirds of the total."""
        return self._total * 2 // 3 + 1

    @property
    def weak_quorum(self) -> int:
        """The least power of which some must be correct's if less than a third is faulty, f + 1 of the paper."""
        return (self._total - 1) // 3 + 1

    def __len__(self) -> int:
        """Return the number of validators."""
        return len(self._validators)

    def position(self, public_key: bytes) -> int:
        """Return the position of `public_key`, or -1."""
        return self._positions.get(public_key, -1)

    def proposer(self, round_: int) -> int:
        """Return the position of the proposer of round `round_`. Takes time for rounds not asked for before."""
        while len(self._proposers) <= round_:
            self._proposers.append(_turn(self._running, self._powers, self._total))
        return self._proposers[round_]

    def next(self, updates: Iterable[Validator] = ()) -> ValidatorSet:
        """Return the set of the next height.

        Args:
            updates: Keys with their new power; 0 removes. A key may come once.

        Raises:
            ValidatorSetError: An update removes an unknown key, comes twice, or leaves no set.
        """
        priorities = list(self._priorities)
        _turn(priorities, self._powers, self._total)
        updates = tuple(updates)
        if not updates:
            same = ValidatorSet.__new__(ValidatorSet)
            same._validators, same._positions = self._validators, self._positions
            same._powers, same._total = self._powers, self._total
            same._start(tuple(priorities))
            return same
        return self._updated(updates, dict(zip(self._positions, priorities, strict=True)))

    def _updated(self, updates: tuple[Validator, ...], priorities: dict[bytes, int]) -> ValidatorSet:
        """Apply changes; newcomers start behind everybody, so that leaving and coming back gains no turn."""
        powers = {validator.public_key: validator.power for validator in self._validators}
        seen: set[bytes] = set()
        for update in updates:
            _check_validator(update, 0)
            if update.public_key in seen:
                raise ValidatorSetError("updates: a public key comes twice")
            seen.add(update.public_key)
            if update.power:
                powers[update.public_key] = update.power
            elif powers.pop(update.public_key, None) is None:
                raise ValidatorSetError("updates: expected a validator of the set to remove, got an unknown key")
        changed = ValidatorSet(Validator(key, power) for key, power in powers.items())
        newcomer = -(changed._total + (changed._total >> 3))
        changed._start(
            _centred(tuple(priorities.get(v.public_key, newcomer) for v in changed._validators), changed._total)
        )
        return changed

    def to_bytes(self) -> bytes:
        """Return the set's bytes: count 2, then for each validator key 64, power 8, priority 8 (with sign)."""
        return _COUNT.pack(len(self)) + b"".join(
            _ENTRY.pack(*validator, priority)
            for validator, priority in zip(self._validators, self._priorities, strict=True)
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> ValidatorSet:
        """Return the set that `data` encodes.

        Raises:
            MessageError: The bytes have another length or order.
            ValidatorSetError: The validators do not make a set.
        """
        count = _COUNT.unpack_from(data)[0] if len(data) >= _COUNT.size else 0
        if len(data) != _COUNT.size + count * _ENTRY.size or not count:
            raise MessageError(f"validator set: expected 2 bytes and 80 for each validator, got {len(data)}")
        entries = list(_ENTRY.iter_unpack(data[_COUNT.size :]))
        result = cls(Validator(key, power) for key, power, _ in entries)
        if [entry[0] for entry in entries] != [validator.public_key for validator in result.validators]:
            raise MessageError("validator set: expected ascending public keys")
        priorities = tuple(entry[2] for entry in entries)
        if max(map(abs, priorities)) > 4 * MAX_TOTAL_POWER:
            raise MessageError("validator set: a priority is out of range")
        result._start(priorities)
        return result

    def __eq__(self, other: object) -> bool:
        """Compare validators and rotation."""
        if not isinstance(other, ValidatorSet):
            return NotImplemented
        return self._validators == other._validators and self._priorities == other._priorities

    def __hash__(self) -> int:
        return hash((self._validators, self._priorities))

    def __repr__(self) -> str:
        return f"<ValidatorSet of {len(self)}, power {self._total}>"


def _check_validator(validator: Validator, least: int) -> None:
    key, power = validator
    if len(key) != 64:
        raise ValidatorSetError(f"public_key: expected 64 bytes, got {len(key)}")
    if isinstance(power, bool) or not isinstance(power, int):
        raise ValidatorSetError(f"power: expected an integer, got {type(power).__name__}")
    if not least <= power <= MAX_TOTAL_POWER:
        raise ValidatorSetError(f"power: expected {least} to 2^60, got {power}")


def _turn(priorities: list[int], powers: tuple[int, ...], total: int) -> int:
    """Take one turn of the rotation and return who proposes."""
    best = 0
    for i, power in enumerate(powers):
        priorities[i] += power
        if priorities[i] > priorities[best]:
            best = i
    priorities[best] -= total
    return best


def _centred(priorities: tuple[int, ...], total: int) -> tuple[int, ...]:
    """Bring priorities within twice the total power of each other, around 0, as Tendermint does after a change."""
    spread = max(priorities) - min(priorities)
    ratio = -(-spread // (2 * total))
    scaled = [priority // ratio for priority in priorities] if ratio > 1 else list(priorities)
    average = sum(scaled) // len(scaled)
    return tuple(priority - average for priority in scaled)
