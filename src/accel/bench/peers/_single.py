"""Peers that take one item at a time: their calls in a loop over the first items of a workload."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from accel.batch import ByteArray
from accel.bench.peers._checks import (
    check_hashes,
    check_key_pair,
    check_root,
    check_signatures,
    check_verdicts,
    first,
    present,
)
from accel.bench.peers._peer import PeerWrongAnswerError, Prepare, Work
from accel.bench.workload import Workload
from accel.errors import AccelError

Hash: TypeAlias = Callable[[bytes], bytes]
Verifier: TypeAlias = Callable[[bytes, bytes, bytes], Callable[[], bool]]
"""Takes public key (x ‖ y), signature (r ‖ s) and digest or message, and returns the call to be timed, its arguments
laid out: the verdict. That call raises nothing for a bad signature."""
Signer: TypeAlias = Callable[[bytes, bytes, bytes], Callable[[], bytes]]
"""Takes secret (32 bytes), public key and digest or message, and returns the call to be timed: a signature."""


@dataclass(frozen=True)
class Single:
    """A library's calls for one item. What it does not have is None.

    Attributes:
        name: The peer's.
        hash: SM3 of a message.
        verify, verify_message: For a digest; for a message under the default ID.
        sign, sign_message: The same.
        raw: Makes r ‖ s of what a signer's call returns.
        generate: A new key pair; `pair` makes secret and x ‖ y of it.
        root: Merkle root (RFC 9162) over messages.
        items: At most so many a call of the work: enough to measure.
        hash_bytes: At most so many bytes of messages (but one message) a call of the work.
        talks: Whether it writes to standard error when it refuses a signature.
    """

    name: str
    hash: Hash | None = None
    verify: Verifier | None = None
    verify_message: Verifier | None = None
    sign: Signer | None = None
    sign_message: Signer | None = None
    raw: Callable[[bytes], bytes] = bytes
    generate: Callable[[], object] | None = None
    pair: Callable[..., tuple[bytes, bytes]] = tuple
    root: Callable[[list[bytes]], bytes] | None = None
    items: int = 64
    hash_bytes: int = 1 << 18
    talks: bool = False

    def operations(self) -> dict[str, Prepare]:
        """What the library has, under accel's names."""
        found: dict[str, Prepare] = {}
        if self.hash is not None:
            found["sm3.hash"] = partial(self._hash, self.hash)
        if self.root is not None:
            found["merkle.root"] = partial(self._root, self.root)
        if self.verify is not None:
            found["sm2.verify"] = partial(self._verify, self.verify, "digests")
        if self.verify_message is not None:
            found["sm2.verify_message"] = partial(self._verify, self.verify_message, "messages")
        if self.sign is not None:
            found["sm2.sign"] = partial(self._sign, self.sign, "digests")
        if self.sign_message is not None:
            found["sm2.sign_message"] = partial(self._sign, self.sign_message, "messages")
        if self.generate is not None:
            found["sm2.generate"] = partial(self._generate, self.generate)
        return {name: partial(self._guard, prepare) for name, prepare in found.items()}

    def _guard(self, prepare: Prepare, workload: Workload) -> Work:
        try:
            return prepare(workload)
        except AccelError:
            raise
        except Exception as error:  # whatever a stranger's code raises: it gave no answer
            sentence = f"{self.name}: raises {type(error).__name__} instead of an answer: {error}"
            raise PeerWrongAnswerError(sentence) from error

    def _hash(self, call: Hash, workload: Workload) -> Work:
        few = first(workload, max(1, self.hash_bytes // max(1, workload.message_length or 0)))
        check_hashes(self.name, few, lambda items: [call(message) for message in _rows(items.messages)])
        messages = _rows(few.messages)

        def work() -> int:
            for message in messages:
                call(message)
            return len(messages)

        return work

    def _root(self, call: Callable[[list[bytes]], bytes], workload: Workload) -> Work:
        check_root(self.name, workload, lambda items: call(_rows(items.messages)))
        messages = _rows(workload.messages)

        def work() -> int:
            call(messages)
            return len(messages)

        return work

    def _verify(self, verifier: Verifier, signed: str, workload: Workload) -> Work:
        def calls_of(items: Workload) -> list[Callable[[], bool]]:
            rows = zip(*map(_rows, (items.public_keys, items.signatures, getattr(items, signed))), strict=True)
            return [verifier(*row) for row in rows]

        few = first(workload, self.items)
        with _silent_stderr() if self.talks else nullcontext():
            check_verdicts(self.name, few, lambda items: [call() for call in calls_of(items)])
        calls = calls_of(few)

        def work() -> int:
            for call in calls:
                if not call():
                    raise PeerWrongAnswerError(f"{self.name}: refuses a valid signature while it is timed")
            return len(calls)

        return work

    def _sign(self, signer: Signer, signed: str, workload: Workload) -> Work:
        few = first(workload, self.items)
        assert few.signers is not None
        assert few.signer_of is not None
        secrets = [few.signers[index].to_bytes() for index in few.signer_of]
        rows = zip(secrets, _rows(few.public_keys), _rows(getattr(few, signed)), strict=True)
        calls = [signer(*row) for row in rows]
        signatures = b"".join(self.raw(call()) for call in calls)
        check_signatures(self.name, few, np.frombuffer(signatures, np.uint8).reshape(-1, 64))

        def work() -> int:
            for call in calls:
                call()
            return len(calls)

        return work

    def _generate(self, call: Callable[[], object], workload: Workload) -> Work:
        count = min(workload.batch, self.items)
        check_key_pair(self.name, *self.pair(call()))

        def work() -> int:
            for _ in range(count):
                call()
            return count

        return work


def _rows(array: ByteArray | None) -> list[bytes]:
    return [row.tobytes() for row in present(array)]


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send what the process writes to file descriptor 2 nowhere: a C library does not go through sys.stderr."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
