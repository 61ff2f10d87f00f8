"""The plain Merkle reference against the published vectors of Certificate Transparency, and against itself.

The structure of RFC 9162 (and RFC 6962) does not depend on the hash function, and vectors exist for SHA-256: the
reference takes the hash as a parameter and has to reproduce them. What then holds for SM3 follows from the hash alone.
"""

from __future__ import annotations

import hashlib
import random

import pytest

from accel.reference import merkle as reference
from accel.reference import sm3
from oracles import openssl, vectors

(CT,) = vectors.load("merkle_sha256.json")
LEAVES = [bytes.fromhex(leaf) for leaf in CT["leaves"]]
RFC9162 = reference.RULES["rfc9162"]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def ct_leaf_hashes(size: int) -> list[bytes]:
    return [reference.leaf_hash(leaf, RFC9162, sha256) for leaf in LEAVES[:size]]


def some_hashes(count: int) -> list[bytes]:
    return [sha256(i.to_bytes(4, "big")) for i in range(count)]


def test_published_roots():
    assert reference.empty_root(RFC9162, sha256).hex() == CT["empty_root"]
    for size, root in enumerate(CT["roots"], 1):
        assert reference.root(ct_leaf_hashes(size), RFC9162, sha256).hex() == root


@pytest.mark.parametrize("vector", CT["paths"], ids=lambda v: f"leaf{v['leaf']}of{v['size']}")
def test_published_inclusion_proofs(vector):
    hashes, index = ct_leaf_hashes(vector["size"]), vector["leaf"] - 1
    path = reference.inclusion_proof(hashes, index, RFC9162, sha256)
    assert [node.hex() for node in path] == vector["path"]
    root = reference.root_from_inclusion_proof(hashes[index], index, len(hashes), path, RFC9162, sha256)
    assert root is not None
    assert root.hex() == CT["roots"][len(hashes) - 1]


@pytest.mark.parametrize("vector", CT["proofs"], ids=lambda v: f"{v['first']}to{v['second']}")
def test_published_consistency_proofs(vector):
    first, second = vector["first"], vector["second"]
    proof = reference.consistency_proof(ct_leaf_hashes(second), first, sha256)
    assert [node.hex() for node in proof] == vector["proof"]
    roots = [bytes.fromhex(CT["roots"][size - 1]) for size in (first, second)]
    assert reference.verify_consistency(first, second, *roots, proof, sha256)


def test_recursion_of_the_rfc_and_levels_are_one_tree():
    """Promoting lone nodes, level by level, gives the tree that RFC 9162 defines by splitting it."""
    for size in range(1, 41):
        hashes = some_hashes(size)
        levels = reference.levels_of(hashes, RFC9162, sha256)
        assert levels[-1] == [reference.rfc9162_root(hashes, sha256)]
        for index in range(size):
            positions = reference.sibling_positions(size, index)
            assert reference.rfc9162_path(hashes, index, sha256) == [levels[k][p] for k, p in positions]


@pytest.mark.parametrize("rule", reference.RULES.values(), ids=lambda rule: rule.name)
def test_proofs_lead_to_the_root(rule):
    for size in range(1, 20):
        hashes = some_hashes(size)
        root = reference.root(hashes, rule, sha256)
        for index in range(size):
            path = reference.inclusion_proof(hashes, index, rule, sha256)
            assert reference.root_from_inclusion_proof(hashes[index], index, size, path, rule, sha256) == root
            assert reference.root_from_inclusion_proof(root, index, size, path, rule, sha256) != root or size == 1
            assert reference.root_from_inclusion_proof(hashes[index], index, size, [*path, root], rule, sha256) is None


@pytest.mark.parametrize("rule", reference.RULES.values(), ids=lambda rule: rule.name)
def test_multiproofs_lead_to_the_root_and_are_the_least(rule):
    rng = random.Random(1)
    for size in range(1, 20):
        hashes = some_hashes(size)
        indices = sorted(rng.sample(range(size), rng.randint(1, size)))
        leaves = [hashes[i] for i in indices]
        proof = reference.multiproof(hashes, indices, rule, sha256)
        root = reference.root_from_multiproof(leaves, indices, size, proof, rule, sha256)
        assert root == reference.root(hashes, rule, sha256)
        # No node of the proof follows from the leaves and the other nodes: each lies above none of the leaves.
        for level, position in reference.multiproof_positions(size, indices):
            assert not any(index >> level == position for index in indices)
    assert reference.multiproof(some_hashes(9), range(9), rule, sha256) == []


def test_a_multiproof_for_one_leaf_is_its_inclusion_proof():
    hashes = some_hashes(13)
    for rule in reference.RULES.values():
        for index in range(13):
            expected = reference.inclusion_proof(hashes, index, rule, sha256)
            assert reference.multiproof(hashes, [index], rule, sha256) == expected


def test_consistency_verifies_for_the_right_sizes_and_roots_only():
    hashes = some_hashes(17)
    roots = [reference.root(hashes[:n], RFC9162, sha256) for n in range(18)]
    for second in range(1, 18):
        for first in range(1, second + 1):
            proof = reference.consistency_proof(hashes[:second], first, sha256)
            assert len(proof) == reference.consistency_length(first, second)
            assert reference.verify_consistency(first, second, roots[first], roots[second], proof, sha256)
            assert not reference.verify_consistency(first, second, roots[first - 1], roots[second], proof, sha256)
            assert not reference.verify_consistency(
                first, second, roots[first], roots[second], [*proof, roots[0]], sha256
            )


def test_sm3_is_the_default():
    leaf = reference.leaf_hash(b"abc", RFC9162)
    assert leaf == sm3.digest(b"\x00abc") == openssl.sm3(b"\x00abc")
    chainmaker, bcos = reference.RULES["chainmaker"], reference.RULES["bcos"]
    three = [openssl.sm3(bytes([i])) for i in range(3)]
    pair = openssl.sm3(three[0] + three[1])
    assert reference.root(three, chainmaker) == openssl.sm3(pair + openssl.sm3(three[2] * 2))
    assert reference.root(three, bcos) == openssl.sm3(pair + openssl.sm3(three[2]))
    assert reference.root(three, RFC9162) == openssl.sm3(
        b"\x01" + openssl.sm3(b"\x01" + three[0] + three[1]) + three[2]
    )
