"""SM3 from Python: the shape of hashlib's objects, HMAC, files, large buffers.

Every kernel against OpenSSL: test_sm3_differential.py.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accel
import needs
from accel import Ragged, sm3
from oracles import openssl

VECTORS = Path(__file__).parent / "vectors"
BATCH_SIZES = [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 129, 255, 257, 4097]
LARGE = 2_200_000_000  # bytes: more than an int32 can count


def free_memory() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_published_vectors():
    for example in json.loads((VECTORS / "sm3.json").read_text())["examples"]:
        message = bytes.fromhex(example["message"])
        assert sm3.digest(message).hex() == example["digest"]
        assert sm3.new(message).hexdigest() == example["digest"]
        assert sm3.hash_many([message])[0].tobytes().hex() == example["digest"]


def test_published_hmac_vectors():
    for example in json.loads((VECTORS / "hmac_sm3.json").read_text())["examples"]:
        key, message = bytes.fromhex(example["key"]), bytes.fromhex(example["message"])
        assert sm3.hmac_digest(key, message).hex() == example["mac"]
        assert sm3.hmac_new(key, message).hexdigest() == example["mac"]


def test_names_and_sizes():
    for thing in (sm3, sm3.new(), sm3.SM3):
        assert (thing.name, thing.digest_size, thing.block_size) == ("sm3", 32, 64)


def test_hashlib_agrees():
    theirs, ours = hashlib.new("sm3", b"abc"), sm3.new(b"abc", usedforsecurity=False)
    assert ours.digest() == theirs.digest()
    assert ours.digest() == ours.digest()
    for data in (b"", bytearray(b"de"), memoryview(b"f" * 3000)):
        theirs.update(data)
        ours.update(data)
        assert ours.hexdigest() == theirs.hexdigest()
    twin = ours.copy()
    twin.update(b"more")
    assert ours.hexdigest() == theirs.hexdigest() != twin.hexdigest()
    assert "sm3" in repr(ours)


@given(st.binary(max_size=1000), st.lists(st.integers(0, 1000), max_size=20))
def test_any_split_of_a_stream(data, cuts):
    bounds = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    stream = sm3.new()
    for begin, end in itertools.pairwise(bounds):
        stream.update(data[begin:end])
    assert stream.digest() == openssl.sm3(data) == sm3.digest(data)


@pytest.mark.parametrize("count", BATCH_SIZES)
def test_batch_sizes(count):
    generator = np.random.default_rng(count)
    block = generator.integers(0, 256, (count, 64), np.uint8)
    expected = b"".join(openssl.sm3(row.tobytes()) for row in block)
    assert sm3.hash_many(block).tobytes() == expected
    assert sm3.hash_many([row.tobytes() for row in block]).tobytes() == expected
    lengths = generator.integers(0, 300, count)
    items = [generator.bytes(int(length)) for length in lengths]
    assert sm3.hash_many(Ragged.from_list(items)).tobytes() == b"".join(map(openssl.sm3, items))


def test_one_long_message_among_short_ones():
    items = [b"short"] * 1000 + [bytes(3_000_000)] + [b""] * 1000
    assert sm3.hash_many(items).tobytes() == b"".join(map(openssl.sm3, items))


@pytest.mark.parametrize("call", [sm3.new, sm3.digest, lambda data: sm3.new().update(data)])
@pytest.mark.parametrize("data", ["abc", 3, None, [1], np.zeros(2, np.int32)])
def test_refused_data(call, data):
    with pytest.raises(TypeError, match=r"^data: expected "):
        call(data)


def test_strided_data_is_refused():
    with pytest.raises(accel.ArgumentError, match="data: expected contiguous bytes, got a strided buffer"):
        sm3.digest(memoryview(b"abcdef")[::2])


def test_hmac_is_the_standard_librarys():
    mac = sm3.hmac_new(bytearray(b"key"))
    assert isinstance(mac, hmac.HMAC)
    assert mac.name == "hmac-sm3"
    mac.update(b"message")
    twin = mac.copy()
    assert mac.digest() == twin.digest() == openssl.hmac_sm3(b"key", b"message")
    for key in ("key", 5, None):
        with pytest.raises(TypeError):
            sm3.hmac_digest(key, b"")


# --- files ---


@pytest.mark.parametrize("size", [0, 1, 64, 1_000_000, 3_000_001])
def test_files(tmp_path, size):
    data = os.urandom(size)
    path = tmp_path / "file"
    path.write_bytes(data)
    expected = openssl.sm3(data)
    assert sm3.file_digest(path).digest() == expected
    assert sm3.file_digest(str(path)).digest() == expected
    with path.open("rb") as file:
        assert sm3.file_digest(file).digest() == expected
        assert not file.closed
    assert sm3.file_digest(io.BytesIO(data)).digest() == expected


def test_file_from_its_position(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"skipped" + b"abc")
    with path.open("rb") as file:
        file.seek(7)
        stream = sm3.file_digest(file)
    stream.update(b"more")
    assert stream.digest() == openssl.sm3(b"abcmore")


def test_refused_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        sm3.file_digest(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        sm3.file_digest(tmp_path)
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with path.open() as file, pytest.raises(ValueError, match="not a file-like object in binary"):
        sm3.file_digest(file)


def test_file_memory_is_bounded(tmp_path):
    """A file of 400 MB (sparse) is hashed in pieces: the process grows by less than 20 MB."""
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(400_000_000)
    code = f"""
import resource, sys
from accel import sm3
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(sm3.file_digest({str(path)!r}).hexdigest())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    digest, growth = result.stdout.split()
    with path.open("rb") as file:
        assert digest == hashlib.file_digest(file, "sm3").hexdigest()
    assert int(growth) < 20_000  # KiB


# --- large ---


@pytest.mark.long
@needs.unless(free_memory() >= LARGE + 1_000_000_000, "3.2 GB of free memory")
def test_over_two_gigabytes_in_one_buffer():
    buffer = np.zeros(LARGE, np.uint8)
    buffer[:: 1 << 20] = np.arange(buffer[:: 1 << 20].size) % 256
    bounds = [0, 5, LARGE - 70, LARGE - 3, LARGE]
    expected = [hashlib.new("sm3", buffer[a:b]).digest() for a, b in itertools.pairwise(bounds)]
    ragged = Ragged(buffer, np.array(bounds, np.int64))
    assert [row.tobytes() for row in sm3.hash_many(ragged)] == expected
    assert sm3.digest(buffer[5 : LARGE - 70]) == expected[1]
    width = 1100
    rows = buffer.reshape(LARGE // width, width)
    digests = sm3.hash_many(rows)
    for i in (0, 1, rows.shape[0] // 2, rows.shape[0] - 1):  # the last ones lie beyond 2^31 bytes
        assert digests[i].tobytes() == openssl.sm3(rows[i].tobytes())


def test_beyond_two_gigabytes_without_the_memory():
    """Offsets beyond 2^31 into a buffer that is mapped and never touched but at its end."""
    buffer = np.zeros(LARGE, np.uint8)  # untouched pages take no memory
    buffer[-4:] = list(b"tail")
    ragged = Ragged(buffer, np.array([LARGE - 4, LARGE - 2, LARGE], np.int64))
    assert sm3.hash_many(ragged).tobytes() == openssl.sm3(b"ta") + openssl.sm3(b"il")
    far_apart = np.lib.stride_tricks.as_strided(buffer[100:], (2, 4), (LARGE - 104, 1))
    assert sm3.hash_many(far_apart).tobytes() == openssl.sm3(bytes(4)) + openssl.sm3(b"tail")
