"""What a user would take instead of accel: libraries found on this machine, asked before they are timed.

`find` returns the peers that are here and `missing` names the others with the reason. A peer's operations bear accel's
names:

====================== ====================================================
``sm3.hash``           SM3 of each message
``merkle.root``        the root of an RFC 9162 tree whose leaves are messages
``sm2.verify``         a signature over a digest e
``sm2.verify_message`` a signature over a message, ZA with the default ID
``sm2.sign``           signing a digest e
``sm2.sign_message``   signing a message, ZA with the default ID
``sm2.generate``       new key pairs
====================== ====================================================

Each is a function that prepares work on a `Workload` with the inputs that the operation needs: it loads keys and lays
out arguments, asks the peer about right and about damaged input, and returns `Work`, one call of which does a known
number of items. Most peers take one item at a time, so the work may be on the first items of the workload only.

A call of the work is timed by reading `cpu_clock` or `wall_clock` of it before and after: not every peer works in the
calling thread.
"""

from __future__ import annotations

import functools

from accel.bench.peers import gmsm, hashlib_peer, openssl, packages
from accel.bench.peers._peer import (
    Missing,
    Peer,
    PeerWrongAnswerError,
    RemoteWork,
    Work,
    cpu_clock,
    wall_clock,
)

__all__ = [
    "Missing",
    "Peer",
    "PeerWrongAnswerError",
    "RemoteWork",
    "Work",
    "cpu_clock",
    "find",
    "missing",
    "wall_clock",
]


@functools.cache
def _look() -> tuple[Peer | Missing, ...]:
    return openssl.find(), hashlib_peer.find(), gmsm.find(), *packages.find()


def find() -> list[Peer]:
    """The peers that are on this machine; looked for once in a process."""
    return [found for found in _look() if isinstance(found, Peer)]


def missing() -> list[Missing]:
    """The peers that are not on this machine, or do not work here, and why."""
    return [found for found in _look() if isinstance(found, Missing)]
