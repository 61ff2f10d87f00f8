"""accel's rates beside OpenSSL's: on one core, alternating in the same minute; then accel's on all threads."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

import numpy as np

import accel
from accel import sm2, sm3
from accel._libcrypto import Libcrypto, OpenSSLMissingError, PublicKey, signature_to_der
from accel.demo.crosscheck import Row
from accel.errors import AccelError

ROUNDS = 3
_UNKNOWN_BATCH, _KNOWN_BATCH, _HASH_BATCH = 2_048, 8_192, 65_536
_HASH_SIZES = (64, 256)


class WrongVerdictError(AccelError):
    """A valid transaction was refused while it was used for measuring."""


@dataclass
class Rate:
    """One thing measured: items per second, the median of the rounds.

    Attributes:
        name: what was done.
        kernel: the accel kernel that did it.
        batch: items in one call of accel; OpenSSL takes one at a time.
        accel: items per second, one thread.
        openssl: items per second, one thread, through EVP.
        all_threads: accel's items per second on all threads.
    """

    name: str
    kernel: str
    batch: int
    accel: float
    openssl: float
    all_threads: float

    @property
    def ratio(self) -> float:
        """How many times OpenSSL's rate accel reaches on one core."""
        return self.accel / self.openssl


@dataclass
class _Contest:
    """What is measured: each function does some items and returns how many."""

    name: str
    op: str
    batch: int
    accel: Callable[[], int]
    openssl: Callable[[float], float]  # seconds to spend -> items per second
    accel_rates: list[float] = field(default_factory=list)
    openssl_rates: list[float] = field(default_factory=list)


def measure(library: Libcrypto, rows: list[Row], seconds: float, progress: Callable[[int, int], None]) -> list[Rate]:
    """Rates of SM2 verification (unknown keys, known signers) and of SM3 (64 and 256 bytes).

    Args:
        library: OpenSSL.
        rows: valid transactions to verify.
        seconds: for each side in each of the ROUNDS rounds.
        progress: called with (steps done, steps in all).
    """
    contests = [*_verify_contests(library, rows), *(_hash_contest(size) for size in _HASH_SIZES)]
    steps, done = len(contests) * (ROUNDS + 1), 0
    with _one_core():
        for _ in range(ROUNDS):
            for contest in contests:
                contest.openssl_rates.append(contest.openssl(seconds))
                contest.accel_rates.append(_items_per_second(contest.accel, seconds))
                done += 1
                progress(done, steps)
    rates = []
    for contest in contests:
        on_all = _items_per_second(contest.accel, seconds)
        kernel = accel.active_kernel(contest.op)
        one, peer = median(contest.accel_rates), median(contest.openssl_rates)
        rates.append(Rate(contest.name, kernel, contest.batch, one, peer, on_all))
        done += 1
        progress(done, steps)
    return rates


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """This thread on one core, accel on this thread alone; child processes inherit the core."""
    cores, threads = os.sched_getaffinity(0), accel.num_threads()
    accel.set_num_threads(1)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)  # first: threads of the pool inherit what their maker may use
        accel.set_num_threads(threads)


def _items_per_second(work: Callable[[], int], seconds: float) -> float:
    work()  # tables, caches, kernel choice
    items, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds or not items:
        items += work()
    return items / elapsed


def _verify_contests(library: Libcrypto, rows: list[Row]) -> Iterator[_Contest]:
    """Verification of real transactions, ZA and hashing included on both sides."""

    def prepared(batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = [rows[i % len(rows)] for i in range(batch)]
        columns = (
            [row.public_key for row in chosen],
            [row.signature for row in chosen],
            [row.message for row in chosen],
        )
        keys, signatures, messages = (np.frombuffer(b"".join(c), np.uint8).reshape(batch, -1) for c in columns)
        return keys, signatures, messages

    def verified(statuses: np.ndarray) -> int:
        if not (statuses == sm2.OK).all():
            raise WrongVerdictError("accel refused a valid transaction while rates were measured")
        return len(statuses)

    keys, signatures, messages = prepared(_UNKNOWN_BATCH)
    size = messages.shape[1]
    ring_keys, ring_signatures, ring_messages = prepared(_KNOWN_BATCH)
    distinct, indices = np.unique(ring_keys, axis=0, return_inverse=True)
    ring = sm2.KeyRing(np.ascontiguousarray(distinct))
    known = ring[indices.reshape(-1).astype(np.uint32)]

    def peer(seconds: float) -> float:
        return _openssl_verify_rate(library, rows, seconds)

    yield _Contest(
        f"SM2 verify, {size} B, unknown keys",
        "sm2.verify",
        _UNKNOWN_BATCH,
        lambda: verified(sm2.verify_many(keys, signatures, messages)),
        peer,
    )
    yield _Contest(
        f"SM2 verify, {size} B, {len(ring)} known signers",
        "sm2.verify",
        _KNOWN_BATCH,
        lambda: verified(sm2.verify_many(known, ring_signatures, ring_messages)),
        peer,
    )


def _openssl_verify_rate(library: Libcrypto, rows: list[Row], seconds: float) -> float:
    """EVP_DigestVerify per second; keys are loaded before the clock starts."""
    distinct = {row.public_key for row in rows[:256]}
    keys = {raw: PublicKey(library, raw) for raw in distinct}
    work = [(keys[row.public_key], signature_to_der(row.signature), row.message) for row in rows[:256]]
    try:
        items, started = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds or not items:
            key, der, message = work[items % len(work)]
            if not key.verify(der, message):
                raise WrongVerdictError("OpenSSL refused a valid transaction while rates were measured")
            items += 1
        return items / elapsed
    finally:
        for key in keys.values():
            key.close()


def _hash_contest(size: int) -> _Contest:
    messages = np.random.default_rng(size).integers(0, 256, (_HASH_BATCH, size), np.uint8)
    digests = np.empty((_HASH_BATCH, 32), np.uint8)

    def work() -> int:
        return len(sm3.hash_many(messages, out=digests))

    return _Contest(f"SM3, {size} B", "sm3.hash", _HASH_BATCH, work, lambda seconds: _openssl_speed(size, seconds))


def _openssl_speed(size: int, seconds: float) -> float:
    """EVP_Digest of SM3 per second, by `openssl speed`: from Python a call costs more than the digest.

    It measures whole seconds, by the wall clock like everything here.
    """
    program = shutil.which("openssl")
    if program is None:
        raise OpenSSLMissingError("the openssl command was not found: install it with `apt-get install openssl`")
    command = [
        program,
        "speed",
        "-mr",
        "-elapsed",
        "-seconds",
        str(max(1, round(seconds))),
        "-bytes",
        str(size),
        "-evp",
        "sm3",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=600)
    found = re.search(r"^\+F:\d+:[^:]+:([0-9.]+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or found is None:
        raise OpenSSLMissingError(f"openssl speed cannot measure SM3: {done.stderr.strip()[-200:]}")
    return float(found[1]) / size
