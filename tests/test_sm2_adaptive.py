"""Tables that keys get by themselves: verdicts do not depend on them, and only valid signatures earn one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import accel
from accel import sm2
from oracles import samples
from oracles.samples import rows

# A process of its own: the setting is read once, and tables belong to the process. Prints the verdicts of every round,
# and how the tables stood after it.
PROGRAM = """
import json, sys
import numpy as np
import accel
from accel import sm2
kernel, path, threads = sys.argv[1:]
accel.set_kernels("sm2=" + kernel)
accel.set_num_threads(int(threads))
with np.load(path) as data:
    keys, signatures, buffer, offsets = (data[name] for name in ("keys", "signatures", "buffer", "offsets"))
messages = [buffer[begin:end].tobytes() for begin, end in zip(offsets, offsets[1:])]
digests = sm2.digest_many(keys, messages)
rounds = []
def sizes():
    yield from (1, 8, 33, 129)
    # Tables are built in a tenth of the time at most: how many rounds five of them take depends on the machine.
    for i in range(500):
        state = sm2.adaptive_tables()
        if i >= 8 and state.tables == (5 if state.memory_limit else 0):
            return
        yield 300
for size in sizes():
    statuses = {
        "messages": sm2.verify_many(keys[:size], signatures[:size], messages[:size]).tolist(),
        "other": sm2.verify_many(keys[:size], signatures[:size], messages[:size], id=b"other").tolist(),
        "digests": sm2.verify_digest_many(keys[:size], signatures[:size], digests[:size]).tolist(),
    }
    rounds.append({"size": size, "statuses": statuses, "tables": sm2.adaptive_tables().tables})
print(json.dumps({"rounds": rounds, "end": sm2.adaptive_tables()._asdict()}))
"""


def run(program: str, *arguments: str, setting: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ACCEL_")}
    if setting is not None:
        environment["ACCEL_ADAPTIVE_TABLES"] = setting
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """300 items of five signers, a third of them damaged in every way, and OpenSSL's verdicts under two IDs."""
    signed = samples.sign(seed=17, count=300, signers=5, user_id=sm2.DEFAULT_ID)
    damaged = samples.damage(signed, 18, keys=True)
    columns = [
        [theirs[i] if i % 3 == 1 else ours[i] for i in range(300)]
        for ours, theirs in [
            (signed.keys, damaged.keys),
            (signed.signatures, damaged.signatures),
            (signed.messages, damaged.messages),
        ]
    ]
    mixed = replace(signed, keys=columns[0], signatures=columns[1], messages=columns[2])
    path = tmp_path_factory.mktemp("adaptive") / "batch.npz"
    offsets = np.cumsum([0, *map(len, mixed.messages)])
    np.savez(
        path,
        keys=rows(mixed.keys),
        signatures=rows(mixed.signatures),
        buffer=np.frombuffer(b"".join(mixed.messages), np.uint8),
        offsets=offsets,
    )
    other = replace(mixed, user_id=b"other").statuses
    assert (other == sm2.OK).sum() == 0
    assert (mixed.statuses == sm2.OK).sum() >= 190
    return str(path), {"messages": mixed.statuses.tolist(), "digests": mixed.statuses.tolist(), "other": other.tolist()}


@pytest.mark.parametrize("name", accel.available_kernels("sm2.verify"))
@pytest.mark.parametrize(("setting", "threads"), [("0", 1), ("1", 1), (None, 1), (None, 3)])
def test_verdicts_do_not_depend_on_tables(batch, name, setting, threads):
    path, expected = batch
    result = run(PROGRAM, name, path, str(threads), setting=setting)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    for entry in report["rounds"]:
        for what, statuses in entry["statuses"].items():
            assert statuses == expected[what][: entry["size"]], (what, entry)
    end = report["end"]
    tables = [entry["tables"] for entry in report["rounds"]]
    assert tables[0] == 0
    assert tables == sorted(tables)
    if setting == "0":
        assert end == {"tables": 0, "table_bytes": 0, "built": 0, "memory_limit": 0}
    else:
        assert end["tables"] == end["built"] == 5
        assert 0 < end["table_bytes"] <= end["memory_limit"] == 256 << 20


FLOOD = """
import numpy as np
from accel import sm2
key = sm2.PrivateKey.generate()
message = b"one"
good = np.frombuffer(key.sign(message), np.uint8)
raw = np.frombuffer(key.public_key.raw, np.uint8)
bad = good.copy()
bad[40] ^= 1
for _ in range(20):
    statuses = sm2.verify_many(np.tile(raw, (1000, 1)), np.tile(bad, (1000, 1)), [message] * 1000)
    assert (statuses == sm2.BAD_SIGNATURE).all()
fresh = [sm2.PrivateKey.generate() for _ in range(2000)]
keys = np.stack([np.frombuffer(one.public_key.raw, np.uint8) for one in fresh])
statuses = sm2.verify_many(keys, sm2.sign_many(fresh, [message] * 2000), [message] * 2000)
assert (statuses == sm2.OK).all()
assert sm2.adaptive_tables()[:3] == (0, 0, 0)
for _ in range(10):
    assert (sm2.verify_many(np.tile(raw, (300, 1)), np.tile(good, (300, 1)), [message] * 300) == sm2.OK).all()
print(sm2.adaptive_tables().tables)
"""


def test_invalid_signatures_and_fresh_keys_earn_nothing():
    result = run(FLOOD, setting=None)
    assert (result.returncode, result.stdout) == (0, "1\n"), result.stderr


FORK = """
import os, sys
import numpy as np
from accel import sm2
key = sm2.PrivateKey.generate()
keys = [key.public_key] * 300
signatures = sm2.sign_many(key, [b"m"] * 300)
def check():
    signatures_now = signatures.copy()
    signatures_now[7, 9] ^= 1
    statuses = sm2.verify_many(keys, signatures_now, [b"m"] * 300)
    return (np.flatnonzero(statuses != sm2.OK) == [7]).all() and sm2.adaptive_tables().tables
for _ in range(10):
    assert check() is not False
assert check() == 1
child = os.fork()
if child == 0:
    os._exit(0 if all(check() == 1 for _ in range(10)) else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""


def test_forked_child_has_the_tables():
    result = run(FORK, setting=None)
    assert (result.returncode, result.stdout) == (0, "0\n"), result.stderr


@pytest.mark.parametrize("text", ["2", "-1", "yes", "00", " 1", "off"])
def test_refused_setting(text):
    code = """
import numpy as np
from accel import ArgumentError, sm2
zero = np.zeros((1, 64), np.uint8)
for call in (sm2.adaptive_tables, lambda: sm2.verify_many(zero, zero, [b""])):
    try:
        call()
    except ArgumentError as error:
        print(error)
"""
    line = f'ACCEL_ADAPTIVE_TABLES: expected 0 or 1, got "{text}"\n'
    result = run(code, setting=text)
    assert result.stdout == line * 2, result.stderr


def test_empty_setting_is_the_default():
    result = run("from accel import sm2; print(sm2.adaptive_tables().memory_limit)", setting="")
    assert result.stdout == f"{256 << 20}\n", result.stderr
