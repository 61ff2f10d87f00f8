"""libaccel_golden's Merkle trees: hashes, levels, roots and proofs, against the reference and published trees."""

from __future__ import annotations

import hashlib
import random
from ctypes import byref, c_uint64

import pytest

from accel.reference import merkle as reference
from oracles import golden, vectors
from oracles.golden import BAD_ARGUMENT, BAD_PROOF, OK, buffer, call

RULES = list(reference.RULES.values())
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
MAX_SIBLINGS = 63
SIZES = (*range(18), 31, 32, 33, 100)


def hashes(count: int) -> list[bytes]:
    return [hashlib.sha256(i.to_bytes(4, "big")).digest() for i in range(count)]


def hash_of(name, *arguments) -> bytes:
    out = buffer(32)
    assert call(f"merkle_{name}", out, *arguments) == OK
    return bytes(out)


def join(nodes) -> golden.ctypes.Array:
    return buffer(b"".join(nodes))


def cut(array, count: int) -> list[bytes]:
    return [bytes(array[32 * i : 32 * i + 32]) for i in range(count)]


def path_of(rule, leaves: list[bytes], index: int) -> list[bytes]:
    out, count = buffer(32 * MAX_SIBLINGS), c_uint64()
    status = call("merkle_path", out, MAX_SIBLINGS, byref(count), rule.code, join(leaves), len(leaves), index)
    assert status == OK
    return cut(out, count.value)


def verify(rule, root: bytes, leaf: bytes, index: int, size: int, siblings: list[bytes]) -> int:
    return call("merkle_verify", rule.code, buffer(root), buffer(leaf), index, size, join(siblings), len(siblings))


@each_rule
def test_hashes(rule):
    generator = random.Random(1)
    left, right = generator.randbytes(32), generator.randbytes(32)
    for length in (0, 1, 54, 55, 56, 62, 63, 64, 118, 119, 120, 1000):
        data = generator.randbytes(length)
        assert hash_of("leaf", rule.code, buffer(data), length) == reference.leaf_hash(data, rule)
    assert hash_of("leaf", rule.code, None, 0) == reference.leaf_hash(b"", rule)
    assert hash_of("node", rule.code, buffer(left), buffer(right)) == reference.node_hash(left, right, rule)
    assert hash_of("lone", rule.code, buffer(left)) == reference.lone_hash(left, rule)


@each_rule
def test_roots_and_levels(rule):
    for size in SIZES:
        leaves = hashes(size)
        assert hash_of("root", rule.code, join(leaves), size) == reference.root(leaves, rule)
        nodes = [node for level in reference.levels_of(leaves, rule) for node in level]
        out, count = buffer(32 * len(nodes)), c_uint64()
        assert call("merkle_levels", out, len(nodes), byref(count), rule.code, join(leaves), size) == OK
        assert count.value == len(nodes)
        assert cut(out, len(nodes)) == nodes
        if size:
            status = call("merkle_levels", out, len(nodes) - 1, byref(count), rule.code, join(leaves), size)
            assert (status, count.value) == (BAD_ARGUMENT, len(nodes))
            assert call("merkle_levels", None, 0, byref(count), rule.code, join(leaves), size) == BAD_ARGUMENT
            assert count.value == len(nodes)
    assert hash_of("root", rule.code, None, 0) == reference.empty_root(rule)


@each_rule
def test_levels_in_place(rule):
    """The leaf hashes may already stand where the levels go."""
    leaves = hashes(11)
    nodes = [node for level in reference.levels_of(leaves, rule) for node in level]
    array, count = join(leaves + [bytes(32)] * (len(nodes) - 11)), c_uint64()
    assert call("merkle_levels", array, len(nodes), byref(count), rule.code, array, 11) == OK
    assert cut(array, len(nodes)) == nodes


@each_rule
def test_every_path(rule):
    for size in SIZES[1:]:
        leaves = hashes(size)
        levels = reference.levels_of(leaves, rule)
        for index in range(size):
            path = path_of(rule, leaves, index)
            assert path == [levels[level][place] for level, place in reference.sibling_positions(size, index)]
            assert verify(rule, levels[-1][0], leaves[index], index, size, path) == OK
            if size in (5, 8, 11):
                assert path == reference.inclusion_proof(leaves, index, rule)


@each_rule
def test_damaged_proofs(rule):
    generator = random.Random(2)
    for size in (1, 2, 3, 7, 8, 11, 33):
        leaves = hashes(size)
        root = reference.root(leaves, rule)
        for index in range(size):
            path, other = path_of(rule, leaves, index), generator.randbytes(32)
            assert verify(rule, other, leaves[index], index, size, path) == BAD_PROOF
            assert verify(rule, root, other, index, size, path) == BAD_PROOF
            assert verify(rule, root, leaves[index], index, size, [*path, other]) == BAD_PROOF
            for i in range(len(path)):
                assert verify(rule, root, leaves[index], index, size, path[:i] + path[i + 1 :]) == BAD_PROOF
                assert verify(rule, root, leaves[index], index, size, [*path[:i], other, *path[i + 1 :]]) == BAD_PROOF
            for wrong in (size, size + 1, 2**64 - 1):
                assert verify(rule, root, leaves[index], wrong, size, path) == BAD_PROOF
            for wrong in {0, 2**63, 2**64 - 1}:
                assert verify(rule, root, leaves[index], index, wrong, path) == BAD_PROOF


@each_rule
def test_proofs_in_trees_of_any_size(rule):
    """Also in trees that no memory holds: index, size and number of siblings decide, as the reference does."""
    generator = random.Random(3)
    sizes = [
        2**63 - 1,
        2**62,
        2**62 + 1,
        2**40,
        *(generator.randrange(1, 2 ** generator.randrange(1, 64)) for _ in range(8)),
    ]
    for size in sizes:
        for index in {0, size - 1, generator.randrange(size)}:
            wanted = len(reference.sibling_positions(size, index))
            for count in {wanted, wanted + 1, max(0, wanted - 1)}:
                leaf, siblings = generator.randbytes(32), [generator.randbytes(32) for _ in range(count)]
                expected = reference.root_from_inclusion_proof(leaf, index, size, siblings, rule)
                out = buffer(b"\xff" * 32)
                arguments = buffer(leaf), index, size, join(siblings), count
                status = call("merkle_path_root", out, rule.code, *arguments)
                assert status == (BAD_PROOF if expected is None else OK)
                assert bytes(out) == (expected or bytes(32))


@each_rule
def test_trees_beyond_the_limit(rule):
    """2^63 leaves and more are refused, also with the siblings that they would ask for."""
    leaf, siblings = bytes(32), [bytes(32)] * 64
    for size, count in ((2**63 - 1, 63), (2**63, 63), (2**64 - 1, 64)):
        status = call("merkle_path_root", buffer(32), rule.code, buffer(leaf), 0, size, join(siblings[:count]), count)
        assert status == (OK if size < 2**63 else BAD_PROOF)


@each_rule
def test_paths_that_do_not_fit(rule):
    leaves, count = hashes(11), c_uint64()
    for capacity in range(4):
        out = buffer(b"\xee" * 128)
        assert call("merkle_path", out, capacity, byref(count), rule.code, join(leaves), 11, 5) == BAD_ARGUMENT
        assert count.value == 4
        assert cut(out, capacity) == path_of(rule, leaves, 5)[:capacity]
        assert bytes(out)[32 * capacity :] == b"\xee" * (128 - 32 * capacity)
    assert call("merkle_path", buffer(320), 10, byref(count), rule.code, join(leaves), 11, 11) == BAD_ARGUMENT


@each_rule
def test_more_leaves_than_allowed(rule):
    """Refused before anything is read."""
    count, many = c_uint64(), (1 << 40) + 1
    assert call("merkle_root", buffer(32), rule.code, buffer(32), many) == BAD_ARGUMENT
    assert call("merkle_levels", buffer(32), 1, byref(count), rule.code, buffer(32), many) == BAD_ARGUMENT
    assert call("merkle_path", buffer(32), 1, byref(count), rule.code, buffer(32), many, 0) == BAD_ARGUMENT


# --- published trees ---

(CT,) = vectors.load("merkle_sha256.json")
LEAVES = [bytes.fromhex(leaf) for leaf in CT["leaves"]]
RFC9162 = reference.RULES["rfc9162"]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def published_names() -> dict[str, bytes]:
    """For the SHA-256 hash of every subtree of the published tree, the SM3 hash of the same subtree.

    The structure of a tree does not depend on the hash function: so published roots and paths say, node by node, what
    the tree over SM3 must be.
    """
    names = {}
    for begin in range(len(LEAVES)):
        for end in range(begin + 1, len(LEAVES) + 1):
            published = reference.root([sha256(b"\x00" + leaf) for leaf in LEAVES[begin:end]], RFC9162, sha256)
            ours = [hash_of("leaf", RFC9162.code, buffer(leaf), len(leaf)) for leaf in LEAVES[begin:end]]
            names[published.hex()] = reference.root(ours, RFC9162)
    return names


def test_published_trees():
    names = published_names()
    leaves = [hash_of("leaf", RFC9162.code, buffer(leaf), len(leaf)) for leaf in LEAVES]
    for size, root in enumerate(CT["roots"], 1):
        assert hash_of("root", RFC9162.code, join(leaves[:size]), size) == names[root]
    assert len(CT["paths"]) > 3
    for vector in CT["paths"]:
        size, index = vector["size"], vector["leaf"] - 1
        path = path_of(RFC9162, leaves[:size], index)
        assert path == [names[node] for node in vector["path"]]
        assert verify(RFC9162, names[CT["roots"][size - 1]], leaves[index], index, size, path) == OK
