"""Threads and processes: many callers, the GIL, fork and spawn, the end of the process."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import accel
from accel import sm3
from oracles import openssl

BLOCK = np.random.default_rng(11).integers(0, 256, (20_000, 64), np.uint8)


@pytest.fixture(scope="module")
def expected() -> bytes:
    return b"".join(openssl.sm3(row.tobytes()) for row in BLOCK)


@pytest.fixture(autouse=True)
def restored():
    before = accel.num_threads()
    accel.set_num_threads(4)  # more than this machine may have: what matters is that they are several
    yield
    accel.set_num_threads(before)


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_many_threads_at_once(expected):
    def job(part: int) -> bool:
        size = 1000 + 300 * part
        return all(sm3.hash_many(BLOCK[:size]).tobytes() == expected[: 32 * size] for _ in range(10))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(job, range(32)))


def test_number_of_threads_changes_under_way(expected):
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(lambda: sm3.hash_many(BLOCK).tobytes()) for _ in range(40)]
        for threads in range(1, 9):
            accel.set_num_threads(threads)
            assert accel.num_threads() == threads
            assert sm3.hash_many(BLOCK).tobytes() == expected
        assert all(job.result() == expected for job in jobs)


@pytest.mark.parametrize("work", ["hash_many", "update", "digest"])
def test_gil_is_released(work):
    """While one long call runs, this thread goes on: it must take many steps before the call is over."""
    long = bytes(60_000_000)
    calls = {
        "hash_many": lambda: sm3.hash_many([long]),
        "update": lambda: sm3.new().update(long),
        "digest": lambda: sm3.digest(long),
    }
    worker = threading.Thread(target=calls[work])
    worker.start()
    steps = 0
    while worker.is_alive():
        time.sleep(0.001)
        steps += 1
    assert steps > 20


def test_one_object_in_many_threads():
    """Updates of one object by many threads are whole, whatever their order: all pieces are the same."""
    for size in (1, 100, 5000):  # below and above what releases the GIL
        stream, piece = sm3.new(), b"x" * size

        def job(stream=stream, piece=piece) -> None:
            for _ in range(200):
                stream.update(piece)
                stream.copy().digest()

        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(job) for _ in range(8)]:
                done.result()
        assert stream.digest() == openssl.sm3(piece * 1600)


def test_list_that_changes_during_the_call():
    """The batch keeps what it was given."""
    items = [bytes([i % 256]) * 3000 for i in range(2000)]
    kept = list(items)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(sm3.hash_many, items)
        time.sleep(0.002)
        items.clear()
        digests = job.result()
    if digests.shape[0]:  # the list was cleared after the call had begun
        assert digests.tobytes() == b"".join(map(openssl.sm3, kept))


def test_bytearray_cannot_shrink_during_the_call():
    data = bytearray(50_000_000)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(sm3.hash_many, [data])
        refused = 0
        while not job.done():
            try:
                data.append(0)
            except BufferError:
                refused += 1
            time.sleep(0.001)
        job.result()
    assert refused > 0
    data.append(0)  # and may afterwards


def child_job(_: int) -> bytes:
    return sm3.hash_many(BLOCK).tobytes()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(method, expected):
    assert sm3.hash_many(BLOCK).tobytes() == expected  # the pool runs before the fork
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        assert pool.map_async(child_job, range(4)).get(timeout=100) == [expected] * 4


FORK = """
import os, sys, threading
import numpy as np
from accel import sm3
block = np.zeros((50_000, 64), np.uint8)
right = sm3.hash_many(block).tobytes()
stop = threading.Event()
def hash_on():
    while not stop.is_set():
        sm3.hash_many(block)
workers = [threading.Thread(target=hash_on) for _ in range(3)]
for worker in workers:
    worker.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        os._exit(0 if sm3.hash_many(block).tobytes() == right else 1)
    if os.waitpid(child, 0)[1] != 0:
        print("a child failed")
stop.set()
for worker in workers:
    worker.join()
print("parent", sm3.hash_many(block).tobytes() == right)
"""


def test_fork_while_batches_run():
    result = run_python(FORK, ACCEL_NUM_THREADS="4", PYTHONWARNINGS="ignore")
    assert result.stdout == "parent True\n", result.stdout + result.stderr


@pytest.mark.parametrize("end", ["pass", "sys.exit(0)", "os._exit(0)", "import atexit; atexit.register(work)"])
def test_process_ends_while_workers_idle(end):
    code = f"""
import os, sys
from accel import sm3
def work():
    sm3.hash_many([b"x" * 64] * 20_000)
work()
{end}
"""
    started = time.monotonic()
    result = run_python(code, ACCEL_NUM_THREADS="8")
    assert result.returncode == 0, result.stderr
    assert time.monotonic() - started < 60


def test_process_ends_while_a_daemon_thread_hashes():
    code = """
import threading, time
from accel import sm3
def work():
    while True:
        sm3.hash_many([b"x" * 64] * 20_000)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.2)
"""
    result = run_python(code, ACCEL_NUM_THREADS="4")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("text", "threads"), [("1", "1"), ("7", "7"), ("1024", "1024"), ("", None)])
def test_number_from_the_environment(text, threads):
    result = run_python("import accel; print(accel.num_threads())", ACCEL_NUM_THREADS=text)
    assert result.stdout.strip() == (threads or str(len(os.sched_getaffinity(0)))), result.stderr


@pytest.mark.parametrize("text", ["0", "1025", "-1", "two", "2.0", " 2", "2 ", "99999999999999999999"])
def test_refused_number_in_the_environment(text):
    code = """
import accel
for call in (accel.num_threads, lambda: accel.sm3.hash_many([b"x"] * 5000)):
    try:
        call()
    except accel.ArgumentError as error:
        print(error)
"""
    line = f'ACCEL_NUM_THREADS: expected an integer from 1 to 1024, got "{text}"\n'
    assert run_python(code, ACCEL_NUM_THREADS=text).stdout == line * 2


@pytest.mark.parametrize(
    ("threads", "error"),
    [(0, ValueError), (1025, ValueError), (-1, ValueError), (2.0, TypeError), ("2", TypeError), (True, TypeError)],
)
def test_refused_numbers(threads, error):
    with pytest.raises(error, match=r"^threads: expected an integer from 1 to 1024, got"):
        accel.set_num_threads(threads)
    assert accel.num_threads() == 4
