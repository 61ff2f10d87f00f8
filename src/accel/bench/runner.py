"""What accel does in one case, ready to be timed: inputs laid out, answers checked, the kernel forced and counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

import accel
from accel import merkle, sm2, sm3
from accel.batch import ByteArray
from accel.bench.plan import COUNTERS
from accel.bench.report import Case
from accel.bench.workload import REFERENCE_LEAVES, VERIFYING, Workload, WrongAnswerError
from accel.errors import AccelError
from accel.reference import sm2 as reference_sm2

Work: TypeAlias = Callable[[int], int]
"""Does the first k items of its workload in one call, and returns k."""

_SETTLED_ITEMS = 1 << 17
"""A ring whose tables have not changed for so many items is settled."""
_SETTLING_ITEMS = 1 << 20
"""And so many are verified at most."""


class KernelNotUsedError(AccelError):
    """Another kernel than the forced one did the work."""


def force(case: Case) -> None:
    """Put the case's kernel in force for its family, and the best one for the other.

    Raises:
        KernelError: this CPU cannot run it.
    """
    accel.set_kernels(f"{COUNTERS[case.operation][:3]}={case.kernel}")


def make(case: Case, workload: Workload) -> Work:
    """Return the work of a case over a workload of at least as many items, after checking its answers.

    It does any number of items up to `case.batch`. The kernel must be in force (`force`); a ring of known keys is made
    with it, and used until its tables settle.

    Raises:
        WrongAnswerError: an answer is wrong.
    """
    return _MAKERS[case.operation](case, workload)


def check_counted(case: Case, work: Work) -> None:
    """Do one batch, and look whether the library counted its items for the case's kernel.

    Raises:
        KernelNotUsedError: it did not.
    """
    counted = accel.kernel_items(COUNTERS[case.operation], case.kernel)
    work(case.batch)
    grown = accel.kernel_items(COUNTERS[case.operation], case.kernel) - counted
    if case.operation != "sm2.generate" and grown < case.batch:  # the library does not count key pairs
        raise KernelNotUsedError(f"{case.title}: the kernel {case.kernel} did {grown} of {case.batch} items")


def _require(right: bool, case: Case, sentence: str) -> None:
    if not right:
        raise WrongAnswerError(f"{case.title}, kernel {case.kernel}: {sentence}")


def _hash(case: Case, workload: Workload) -> Work:
    messages, expected = workload.messages, workload.expected
    assert messages is not None
    assert expected is not None
    digests = np.empty((len(messages), 32), np.uint8)

    def work(count: int) -> int:
        sm3.hash_many(messages[:count], out=digests[:count])
        return count

    work(case.batch)
    _require(np.array_equal(digests[: case.batch], expected[: case.batch]), case, "a digest is wrong")
    return work


def _merkle(case: Case, workload: Workload) -> Work:
    messages = workload.messages
    assert messages is not None

    def root(count: int) -> bytes:
        return merkle.Tree(messages[:count], keep="root").root

    def work(count: int) -> int:
        root(count)
        return count

    assert workload.small_root is not None
    assert workload.expected is not None
    _require(root(REFERENCE_LEAVES) == workload.small_root.tobytes(), case, "a root is wrong")
    _require(root(workload.batch) == workload.expected.tobytes(), case, "a root is not that of the other kernels")
    return work


def _verify(case: Case, workload: Workload) -> Work:
    signatures, public_keys = workload.signatures, workload.public_keys
    inputs = workload.digests if case.operation == "sm2.verify" else workload.messages
    assert signatures is not None
    assert public_keys is not None
    assert inputs is not None
    status = np.empty(len(signatures), np.uint8)
    call = _verify_call(case, workload, public_keys, inputs, status)

    def work(count: int) -> int:
        call(signatures, count)
        if not (status[:count] == sm2.OK).all():
            raise WrongAnswerError(f"{case.title}, kernel {case.kernel}: a valid signature was refused")
        return count

    damaged = signatures.copy()
    damaged[:, 40] ^= 1
    call(damaged, case.batch)
    _require(bool((status[: case.batch] == sm2.BAD_SIGNATURE).all()), case, "a damaged signature was accepted")
    return work


def _verify_call(
    case: Case, workload: Workload, public_keys: ByteArray, inputs: ByteArray, status: ByteArray
) -> Callable[[ByteArray, int], object]:
    """The package's call for these keys: takes signatures and how many of them, and writes `status`."""
    digests = case.operation == "sm2.verify"
    if case.keys == "hinted":
        hints = workload.hints
        assert hints is not None
        hinted = sm2.verify_hinted_digest_many if digests else sm2.verify_hinted_many
        return lambda signatures, n: hinted(public_keys[:n], signatures[:n], inputs[:n], hints[:n], out=status[:n])
    verify = sm2.verify_digest_many if digests else sm2.verify_many
    if case.keys == "unknown":
        return lambda signatures, n: verify(public_keys[:n], signatures[:n], inputs[:n], out=status[:n])
    indices, signers, valid = workload.signer_of, workload.signers, workload.signatures
    assert indices is not None
    assert signers is not None
    assert valid is not None
    ring = sm2.KeyRing([signer.public_key for signer in signers])

    def known(signatures: ByteArray, n: int) -> object:
        return verify(ring[indices[:n]], signatures[:n], inputs[:n], out=status[:n])

    _settle(ring, lambda: known(valid, len(valid)), len(valid))
    return known


def _settle(ring: sm2.KeyRing, verify: Callable[[], object], items: int) -> None:
    """A ring gives keys that are much used larger tables as it goes: verify until that is done."""
    quiet, done, before = 0, 0, -1
    while quiet < _SETTLED_ITEMS and done < _SETTLING_ITEMS:
        verify()
        done += items
        quiet = quiet + items if ring.table_bytes == before else 0
        before = ring.table_bytes


def _sign(case: Case, workload: Workload) -> Work:
    digests, signers, signer_of = workload.digests, workload.signers, workload.signer_of
    public_keys = workload.public_keys
    sign, inputs = (
        (sm2.sign_digest_many, digests) if case.operation == "sm2.sign" else (sm2.sign_many, workload.messages)
    )
    assert digests is not None
    assert inputs is not None
    assert signers is not None
    assert signer_of is not None
    assert public_keys is not None
    signatures = np.empty((len(digests), 64), np.uint8)

    def work(count: int) -> int:
        sign(signers, inputs[:count], indices=signer_of[:count], out=signatures[:count])
        return count

    work(case.batch)
    n = case.batch
    valid = sm2.verify_digest_many(public_keys[:n], signatures[:n], digests[:n]) == sm2.OK
    _require(bool(valid.all()), case, "a signature that it made is refused")
    return work


def _generate(case: Case, _workload: Workload) -> Work:
    key = sm2.generate_many(case.batch)[-1]
    expected = reference_sm2.public_key(reference_sm2.RECOMMENDED, int.from_bytes(key.to_bytes()))
    _require(key.public_key.raw == b"".join(map(reference_sm2.to_bytes, expected)), case, "a public key is wrong")
    return lambda count: len(sm2.generate_many(count))


_MAKERS: dict[str, Callable[[Case, Workload], Work]] = {
    "sm3.hash": _hash,
    "merkle.root": _merkle,
    **dict.fromkeys(VERIFYING, _verify),
    "sm2.sign": _sign,
    "sm2.sign_message": _sign,
    "sm2.generate": _generate,
}
