"""`Verifier`: single signatures from threads and tasks, gathered into batches."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

import accel
from accel import sm2

SIGNERS = sm2.generate_many(4)
MESSAGES = [f"transfer {number}".encode() for number in range(40)]
SIGNATURES = [SIGNERS[number % 4].sign(message) for number, message in enumerate(MESSAGES)]
RING = sm2.KeyRing([signer.public_key for signer in SIGNERS])
RING_KEYS = [RING[number] for number in range(4)]


@pytest.fixture
def verifier():
    with sm2.Verifier(runners=2) as made:
        yield made


def arguments(number: int):
    """Key, signature, message and whether that is valid: one in seven is another's message."""
    item = number % len(MESSAGES)
    key = SIGNERS[item % 4].public_key
    keys = [key, key.raw, RING_KEYS[item % 4]]
    valid = number % 7 != 3
    return keys[number % 3], SIGNATURES[item], MESSAGES[item if valid else (item + 1) % len(MESSAGES)], valid


def is_valid(verifier: sm2.Verifier, number: int) -> bool:
    key, signature, message, _ = arguments(number)
    priority = ("vote", "proposal", "transaction")[number % 3]
    try:
        verifier.verify(key, signature, message, priority=priority)
    except accel.InvalidSignature:
        return False
    return True


async def is_valid_async(verifier: sm2.Verifier, number: int) -> bool:
    key, signature, message, _ = arguments(number)
    try:
        await verifier.verify_async(key, signature, message)
    except accel.InvalidSignature:
        return False
    return True


def test_threads(verifier):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: is_valid(verifier, number), range(600)))
    assert found == [arguments(number)[3] for number in range(600)]
    stats = verifier.stats()
    assert stats.items == 600
    assert stats.batches <= 600
    assert stats.mean_lanes == stats.items / stats.batches
    assert sum(waits.taken for waits in stats.waits.values()) == 600
    assert stats.waits["vote"].taken == 200
    assert stats.waits["vote"].longest_wait_seconds >= 0
    assert (stats.waiting, stats.refused, stats.timed_out) == (0, 0, 0)


def test_tasks(verifier):
    async def main():
        return await asyncio.gather(*(is_valid_async(verifier, number) for number in range(600)))

    assert asyncio.run(main()) == [arguments(number)[3] for number in range(600)]
    assert asyncio.run(main()) == [arguments(number)[3] for number in range(600)]  # another loop
    assert verifier.stats().batches < 600


def delivered_by(device: accel.Device) -> int:
    return sum(stat.value for stat in device.stats() if stat.name == "items.sm2_verify" and stat.device != "fallback")


@pytest.mark.parametrize("name", ["cpu", "sim96", "cpu+sim96"])
def test_batches_run_on_a_device(name):
    async def main(verifier):
        return await asyncio.gather(*(is_valid_async(verifier, number) for number in range(200)))

    with accel.open_device(name, audit="full") as device, sm2.Verifier(runners=2, device=device) as verifier:
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda number: is_valid(verifier, number), range(200)))
        assert found == [arguments(number)[3] for number in range(200)]
        assert asyncio.run(main(verifier)) == [arguments(number)[3] for number in range(200)]
        assert delivered_by(device) == verifier.stats().items == 400
        # A ring's keys are loaded once, and known by handle from then on.
        assert verifier.stats().batches < 400


def test_a_device_that_lies_gives_no_wrong_verdict():
    name = "fault:lie-1-in-100:cpu"
    with accel.open_device(name, audit="full") as device, sm2.Verifier(device=device) as verifier:
        assert [is_valid(verifier, number) for number in range(600)] == [arguments(number)[3] for number in range(600)]
        assert {stat.name: stat.value for stat in device.stats() if stat.device != "fallback"}["audit.wrong"] > 0


def test_a_device_that_is_closed_is_an_error_and_no_verdict():
    key, signature, message, _ = arguments(0)
    device = accel.open_device("cpu")
    with sm2.Verifier(device=device) as verifier:
        verifier.verify(key, signature, message)
        device.close()
        with pytest.raises(accel.DeviceError, match="cpu is closed"):
            verifier.verify(key, signature, message)

        async def main():
            with pytest.raises(accel.DeviceError, match="its device is closed"):
                await verifier.verify_async(key, signature, message)

        asyncio.run(main())
    with pytest.raises(accel.DeviceError, match="closed"):
        sm2.Verifier(device=device)
    with pytest.raises(TypeError, match=r"device: expected an accel\.Device or None, got str"):
        sm2.Verifier(device="cpu")


def test_loops_in_several_threads(verifier):
    async def main():
        return await asyncio.gather(*(is_valid_async(verifier, number) for number in range(200)))

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: asyncio.run(main()), range(4)):
            assert found == [arguments(number)[3] for number in range(200)]


def test_kinds_of_verdicts(verifier):
    signer, message = SIGNERS[0], b"hello"
    signature = signer.sign(message, id=b"alice")
    verifier.verify(signer.public_key, signature, message, id=b"alice")
    verifier.verify(signer.public_key, signer.sign(message, encoding="der"), message, encoding="der")
    digest = sm2.digest_many([signer.public_key.raw], [message], id=b"alice")[0].tobytes()
    verifier.verify_digest(signer.public_key, signature, digest)
    verifier.verify_digest(sm2.KeyRing([signer.public_key], id=b"alice")[0], signature, digest)
    for key, bad, reason in [
        (signer.public_key, signature, "BAD_SIGNATURE"),  # under the default ID
        (bytes(64), signature, "BAD_KEY"),
        (signer.public_key, bytes(64), "BAD_RANGE"),
    ]:
        with pytest.raises(accel.InvalidSignature, match=reason):
            verifier.verify(key, bad, message)
    with pytest.raises(accel.InvalidSignature, match="DER"):
        verifier.verify(signer.public_key, signature, message, encoding="der")
    with pytest.raises(sm2.SignatureLengthError, match="got 63"):
        verifier.verify(signer.public_key, signature[:63], message)


def test_verdicts_of_coroutines(verifier):
    signer, message = SIGNERS[0], b"hello"
    signature = signer.sign(message)
    digest = sm2.digest_many([signer.public_key.raw], [message])[0].tobytes()

    async def main():
        await verifier.verify_async(signer.public_key, signer.sign(message, encoding="der"), message, encoding="der")
        await verifier.verify_digest_async(signer.public_key, signature, digest)
        for bad in (bytes(64), signature[:63]):
            with pytest.raises(accel.InvalidSignature):
                await verifier.verify_async(signer.public_key, bad, message)
            with pytest.raises(accel.InvalidSignature):
                await verifier.verify_digest_async(signer.public_key, bad, digest)

    asyncio.run(main())
    with pytest.raises(RuntimeError, match="no running event loop"):
        verifier.verify_async(signer.public_key, signature, message)


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"priority": "urgent"}, accel.ArgumentError, "priority: expected 'vote', 'proposal' or 'transaction'"),
        ({"timeout": -1}, accel.ArgumentError, "timeout: expected seconds from 0"),
        ({"timeout": float("nan")}, accel.ArgumentError, "timeout: expected seconds from 0"),
        ({"timeout": "1"}, TypeError, "timeout: expected seconds"),
        ({"encoding": "pem"}, accel.ArgumentError, "encoding: expected 'raw' or 'der'"),
        ({"id": "alice"}, TypeError, "id: expected bytes"),
        ({"key": b"short"}, accel.ArgumentError, "key: expected 64 bytes, got 5"),
        ({"key": "text"}, TypeError, "key: expected a bytes-like object"),
        ({"key": RING[[0, 1]]}, accel.ArgumentError, "key: expected one key of the ring, got 2"),
        ({"key": RING[0], "id": b"alice"}, accel.ArgumentError, "id: expected none, or the ring's own"),
        ({"message": "text"}, TypeError, "message: expected a bytes-like object"),
        ({"signature": "text"}, TypeError, "signature: expected a contiguous bytes-like object"),
    ],
)
def test_bad_arguments(verifier, changes, error, sentence):
    given = {"key": SIGNERS[0].public_key, "signature": SIGNATURES[0], "message": MESSAGES[0], **changes}
    with pytest.raises(error, match=sentence):
        verifier.verify(**given)

    async def main():
        with pytest.raises(error, match=sentence):
            await verifier.verify_async(**given)

    asyncio.run(main())
    with pytest.raises(accel.ArgumentError, match="digest: expected 32 bytes, got 3"):
        verifier.verify_digest(SIGNERS[0].public_key, SIGNATURES[0], b"abc")


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"linger": 2}, accel.ArgumentError, "linger: expected 0 to 1 second"),
        ({"linger": "1"}, TypeError, "linger: expected seconds"),
        ({"capacity": 0}, accel.ArgumentError, "capacity: expected 1 to 1048576"),
        ({"lanes": 257}, accel.ArgumentError, "lanes: expected 1 to 256"),
        ({"lanes": 32, "batch": 16}, accel.ArgumentError, "options.batch: expected 32 to 256"),
        ({"runners": 1.5}, TypeError, "runners: expected an integer"),
        ({"when_full": "drop"}, accel.ArgumentError, "when_full: expected 'wait' or 'refuse'"),
    ],
)
def test_bad_options(options, error, sentence):
    with pytest.raises(error, match=sentence):
        sm2.Verifier(**options)


def test_a_full_queue_refuses_a_loop():
    async def main():
        with sm2.Verifier(capacity=2, when_full="refuse") as verifier:
            accepted = []
            with pytest.raises(accel.QueueFullError):
                # Answers are not fetched meanwhile, and there is room for eight; those before the refusal are kept.
                accepted.extend(verifier.verify_async(*arguments(0)[:3]) for _ in range(9))
            assert len(accepted) >= 2
            await asyncio.gather(*accepted)

    asyncio.run(main())


def test_a_full_queue_lets_a_loop_wait():
    async def main():
        with sm2.Verifier(capacity=2) as verifier:
            found = await asyncio.gather(*(is_valid_async(verifier, number) for number in range(100)))
            assert found == [arguments(number)[3] for number in range(100)]
            late = [verifier.verify_async(*arguments(0)[:3], timeout=0.0005) for _ in range(12)]
            time.sleep(0.01)  # the loop cannot admit the last ones meanwhile
            results = await asyncio.gather(*late, return_exceptions=True)
            assert isinstance(results[-1], accel.TimedOutError)
            assert all(result is None or isinstance(result, accel.TimedOutError) for result in results)

    asyncio.run(main())


def test_what_waits_for_room_is_checked_and_copied():
    async def main():
        with sm2.Verifier(capacity=1) as verifier:
            message = bytearray(MESSAGES[0])
            waiting = [verifier.verify_async(RING_KEYS[0], SIGNATURES[0], message) for _ in range(20)]
            message[0] ^= 1
            with pytest.raises(TypeError, match="message: expected a contiguous bytes-like object, got str"):
                verifier.verify_async(RING_KEYS[0], SIGNATURES[0], "text")
            short = verifier.verify_async(b"short", SIGNATURES[0], message)
            await asyncio.gather(*waiting)
            with pytest.raises(accel.ArgumentError, match="key: expected 64 bytes, got 5"):
                await short

    asyncio.run(main())


def test_votes_pass_transactions_that_wait_for_room():
    async def main():
        with sm2.Verifier(capacity=1) as verifier:
            order: list[str] = []

            async def ask(priority: str) -> None:
                await verifier.verify_async(*arguments(0)[:3], priority=priority)
                order.append(priority)

            tasks = [asyncio.ensure_future(ask("transaction")) for _ in range(50)]
            await asyncio.sleep(0)  # all have asked; at most four found room
            tasks.append(asyncio.ensure_future(ask("vote")))
            await asyncio.gather(*tasks)
            assert order.index("vote") < 20

    asyncio.run(main())


def test_a_cancelled_task_disturbs_nobody(verifier):
    async def main():
        tasks = [asyncio.ensure_future(is_valid_async(verifier, number)) for number in range(50)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
        assert results[1::2] == [arguments(number)[3] for number in range(1, 50, 2)]
        assert await is_valid_async(verifier, 0)

    asyncio.run(main())


def test_closing():
    verifier = sm2.Verifier()

    async def main():
        waiting = [verifier.verify_async(*arguments(0)[:3]) for _ in range(20)]
        verifier.close()
        await asyncio.gather(*waiting)  # verified before
        with pytest.raises(accel.ClosedError, match="closed"):
            await verifier.verify_async(*arguments(0)[:3])

    asyncio.run(main())
    with pytest.raises(accel.ClosedError, match="closed"):
        verifier.verify(*arguments(0)[:3])
    verifier.close()


def test_closing_from_another_thread():
    verifier = sm2.Verifier()

    async def main():
        waiting = [verifier.verify_async(*arguments(0)[:3]) for _ in range(20)]
        closer = threading.Thread(target=verifier.close)
        closer.start()
        await asyncio.gather(*waiting)
        closer.join()

    asyncio.run(main())


def test_dropped_with_work_under_way():
    """A loop that ends early, and a verifier that nobody closes: nothing is kept, nothing crashes."""

    def leave() -> weakref.ref[sm2.Verifier]:
        verifier, ring = sm2.Verifier(), sm2.KeyRing([SIGNERS[0].public_key])

        async def main():
            for _ in range(10):
                verifier.verify_async(ring[0], SIGNATURES[0], MESSAGES[0])

        asyncio.run(main())
        return weakref.ref(verifier)

    known = leave()
    gc.collect()
    assert known() is None


def test_fork(verifier):
    assert is_valid(verifier, 0)
    child = os.fork()
    if child == 0:
        found = all(is_valid(verifier, number) == arguments(number)[3] for number in range(50))
        os._exit(0 if found else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert is_valid(verifier, 0)
