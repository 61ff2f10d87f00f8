"""Merkle proofs: the native encodings and verdicts against the plain reference, and proofs that somebody changed."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import accel
from accel import merkle
from accel.reference import merkle as reference
from oracles import openssl, trees
from oracles.trees import LEAVES, RULE_NAMES

every_rule = pytest.mark.parametrize("rule", RULE_NAMES)
WRONG = bytes(range(32))


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def all_flips(data: bytes) -> list[bytes]:
    return [flip(data, bit) for bit in range(8 * len(data))]


# ------------------------------------------------------------------------------------------------------- inclusion


@pytest.mark.op("sm3.hash")
@every_rule
def test_every_proof_of_every_small_tree(rule, kernel):
    """Sizes 1 to 300, all leaves: the bytes are the reference's, and they verify for their leaf alone."""
    for size in range(1, 301):
        oracle = trees.tree(rule, size)
        proofs = merkle.Tree(LEAVES[:size], rule=rule).prove_many(range(size))
        assert list(proofs.encoded) == [oracle.prove(i) for i in range(size)], size
        assert (merkle.verify_many(oracle.root, proofs, LEAVES[:size], tree_size=size) == merkle.OK).all()
        shifted = merkle.verify_many(oracle.root, proofs, LEAVES[1 : size + 1], tree_size=size)
        assert (shifted == merkle.BAD_PROOF).all(), size
        assert (merkle.verify_many(WRONG, proofs, LEAVES[:size]) == merkle.BAD_PROOF).all(), size


@every_rule
def test_verdicts_are_the_references(rule):
    """Proofs for other places, sizes and lengths: the reference's verdict, item by item."""
    rng = random.Random(3)
    chosen = reference.RULES[rule]
    items, expected = [], []
    for size in range(1, 14):
        oracle = trees.tree(rule, size)
        for index in range(size):
            siblings = reference.decode(oracle.prove(index)).siblings
            for claimed_size in range(1, 16):
                claimed_index = rng.randrange(claimed_size)
                need = len(reference.sibling_positions(claimed_size, claimed_index))
                nodes = [*siblings, *siblings, WRONG, WRONG, WRONG, WRONG][:need]
                args = (oracle.hashes[index], claimed_index, claimed_size, nodes)
                verdict = reference.root_from_inclusion_proof(*args, chosen, openssl.sm3) == oracle.root
                proof = merkle.Proof(
                    claimed_index, claimed_size, np.array([list(n) for n in nodes], np.uint8).reshape(-1, 32), rule
                )
                items.append((proof, oracle.hashes[index], oracle.root))
                expected.append(merkle.OK if verdict else merkle.BAD_PROOF)
    proofs, hashes, roots = zip(*items, strict=True)
    roots = np.frombuffer(b"".join(roots), np.uint8).reshape(-1, 32)
    statuses = merkle.verify_many(roots, proofs, leaf_hashes=list(hashes))
    assert statuses.tolist() == expected
    assert merkle.OK in expected
    assert merkle.BAD_PROOF in expected


@every_rule
def test_every_flipped_bit_is_refused(rule):
    """With the size known, no change of one bit anywhere in a proof goes through, beside proofs that stay valid."""
    for size in range(1, 10):
        oracle = trees.tree(rule, size)
        for index in range(size):
            genuine = oracle.prove(index)
            encoded = [genuine, *all_flips(genuine), genuine]
            leaves = [LEAVES[index]] * len(encoded)
            statuses = merkle.verify_many(oracle.root, encoded, leaves, rule=rule, tree_size=size)
            assert statuses[0] == statuses[-1] == merkle.OK
            assert (statuses[1:-1] == merkle.BAD_PROOF).all()
            # Without it, only the claims about the place (bytes 4 to 19) can change unnoticed.
            statuses = merkle.verify_many(oracle.root, encoded, leaves, rule=rule)
            accepted = {(i - 1) // 8 for i in np.flatnonzero(statuses[1:-1] == merkle.OK) + 1}
            assert accepted <= set(range(4, 20))


@every_rule
def test_one_proof(rule):
    tree = merkle.Tree(LEAVES[:11], rule=rule)
    proof = tree.prove(10)
    assert (proof.index, proof.tree_size, proof.rule) == (10, 11, rule)
    assert proof.siblings.shape == (2, 32)
    assert not proof.siblings.flags.writeable
    again = merkle.Proof.from_bytes(proof.to_bytes(), rule=rule)
    assert again == proof
    assert hash(again) == hash(proof)
    assert merkle.Proof(10, 11, proof.siblings, rule) == proof
    assert proof != tree.prove(9)
    proof.verify(tree.root, LEAVES[10])
    proof.verify(bytearray(tree.root), leaf_hash=tree.leaf_hash(10), tree_size=11)
    for arguments in (
        {"leaf": LEAVES[9]},
        {"leaf": b""},
        {"leaf_hash": WRONG},
        {"leaf": LEAVES[10], "tree_size": 12},
        {"leaf": LEAVES[10], "tree_size": 0},
    ):
        with pytest.raises(accel.InvalidProof, match="does not lead"):
            proof.verify(tree.root, **arguments)
    with pytest.raises(accel.InvalidProof):
        proof.verify(WRONG, LEAVES[10])
    assert f"index=10, tree_size=11, rule='{rule}'" in repr(proof)


def test_prove_many_takes_any_order_and_repeats():
    tree = merkle.Tree(LEAVES[:50])
    indices = [49, 0, 7, 7, 48]
    for form in (
        indices,
        tuple(indices),
        np.array(indices),
        np.array(indices, np.uint8),
        np.array(indices * 2)[::2][:0],
    ):
        proofs = tree.prove_many(form)
        assert [proof.index for proof in proofs] == list(form)
    assert len(tree.prove_many([])) == 0
    assert merkle.verify_many(tree.root, tree.prove_many([]), []).shape == (0,)
    batch = tree.prove_many(indices)
    assert batch[-1] == tree.prove(48)
    with pytest.raises(IndexError):
        batch[5]


def test_statuses_stand_in_order_and_go_where_they_are_wanted():
    tree = merkle.Tree(LEAVES[:100])
    proofs = [tree.prove(i).to_bytes() for i in range(100)]
    damaged = {3: b"", 17: proofs[17][:-1], 40: proofs[40] + b"\0", 41: proofs[42], 99: b"\xff" * 100}
    for i, data in damaged.items():
        proofs[i] = data
    out = np.full(100, 77, np.uint8)
    assert merkle.verify_many(tree.root, proofs, LEAVES[:100], out=out) is out
    assert set(np.flatnonzero(out == merkle.BAD_PROOF)) == set(damaged)
    assert (np.delete(out, list(damaged)) == merkle.OK).all()
    assert (merkle.verify_many(tree.root, accel.Ragged.from_list(proofs), LEAVES[:100]) == out).all()


def test_the_rule_is_the_verifiers():
    """The prover may not choose: under bcos, one leaf `01 L R` has the root of an rfc9162 tree."""
    tree = merkle.Tree(LEAVES[:2])
    forged = b"\x01" + tree.leaf_hash(0) + tree.leaf_hash(1)
    proof = merkle.Tree([forged], rule="bcos").prove(0)
    proof.verify(tree.root, forged)  # bcos was asked for, and bcos it is
    assert merkle.verify_many(tree.root, [proof.to_bytes()], [forged])[0] == merkle.BAD_PROOF
    assert merkle.verify_many(tree.root, [proof], [forged], rule="rfc9162")[0] == merkle.BAD_PROOF
    with pytest.raises(accel.EncodingError, match="expected rule 'rfc9162', got 'bcos'"):
        merkle.Proof.from_bytes(proof.to_bytes())


def test_many_roots_and_sizes():
    sizes = np.arange(1, 65)
    made = [merkle.Tree(LEAVES[:size]) for size in sizes]
    roots = np.frombuffer(b"".join(tree.root for tree in made), np.uint8).reshape(-1, 32)
    proofs = [tree.prove(len(tree) - 1) for tree in made]
    leaves = [LEAVES[size - 1] for size in sizes]
    assert (merkle.verify_many(roots, proofs, leaves, tree_size=sizes) == merkle.OK).all()
    assert (merkle.verify_many(roots, proofs, leaves, tree_size=sizes + 1) == merkle.BAD_PROOF).all()
    assert (merkle.verify_many(roots[::-1].copy(), proofs, leaves) == merkle.BAD_PROOF).sum() == 64


def test_largest_sizes():
    """Nobody can hold such a tree; a path in it is 63 siblings all the same."""
    top = reference.MAX_TREE_SIZE
    siblings = [bytes([i]) * 32 for i in range(63)]
    for rule in RULE_NAMES:
        chosen = reference.RULES[rule]
        for index in (0, 1, 2**62 - 1, 2**62, top - 1):
            nodes = siblings[: len(reference.sibling_positions(top, index))]
            root = reference.root_from_inclusion_proof(WRONG, index, top, nodes, chosen, openssl.sm3)
            assert root is not None
            proof = merkle.Proof(index, top, nodes, rule)
            proof.verify(root, leaf_hash=WRONG, tree_size=top)
            assert merkle.Proof.from_bytes(proof.to_bytes(), rule=rule).index == index
            multi = merkle.MultiProof([index], top, nodes, rule)
            multi.verify(root, leaf_hashes=[WRONG], tree_size=top)
    with pytest.raises(accel.ArgumentError, match="tree size: expected 1 to 2\\^63 - 1"):
        merkle.Proof(0, top + 1, siblings)


# ----------------------------------------------------------------------------------------------------- multiproofs


@every_rule
def test_multiproofs_of_random_subsets(rule):
    rng = random.Random(4)
    for size in [*range(1, 71), 300]:
        tree, oracle = merkle.Tree(LEAVES[:size], rule=rule), trees.tree(rule, size)
        for count in {1, rng.randint(1, size), size}:
            indices = sorted(rng.sample(range(size), count))
            proof = tree.multiproof(rng.sample(indices, count))
            assert proof.to_bytes() == oracle.multiproof(indices)
            assert proof.indices.tolist() == indices
            assert merkle.MultiProof(indices, size, proof.siblings, rule) == proof
            leaves = [LEAVES[i] for i in indices]
            proof.verify(tree.root, leaves, tree_size=size)
            proof.verify(tree.root, leaf_hashes=merkle.leaf_hashes(leaves, rule))
            for wrong in ([b"no", *leaves[1:]], leaves[1:], [*leaves, b"one more"], [*leaves[:-1], LEAVES[-1]]):
                with pytest.raises(accel.InvalidProof):
                    proof.verify(tree.root, wrong)
            with pytest.raises(accel.InvalidProof):
                proof.verify(WRONG, leaves)
            with pytest.raises(accel.InvalidProof):
                proof.verify(tree.root, leaves, tree_size=size + 1)


@every_rule
def test_every_flipped_bit_of_a_multiproof_is_refused(rule):
    for size, indices in ((1, [0]), (2, [1]), (5, [0, 4]), (7, [2, 3, 6]), (9, [8])):
        oracle = trees.tree(rule, size)
        genuine = oracle.multiproof(indices)
        leaves = [LEAVES[i] for i in indices]
        merkle.MultiProof.from_bytes(genuine, rule=rule).verify(oracle.root, leaves, tree_size=size)
        for changed in all_flips(genuine):
            with pytest.raises((accel.EncodingError, accel.InvalidProof)):
                merkle.MultiProof.from_bytes(changed, rule=rule).verify(oracle.root, leaves, tree_size=size)


@given(st.integers(1, 300), st.data())
def test_a_multiproof_is_never_longer_than_its_paths(size, data):
    indices = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20))
    tree = merkle.Tree(LEAVES[:size])
    proof = tree.multiproof(indices)
    assert proof.indices.tolist() == sorted(set(indices))
    assert len(proof.siblings) <= sum(len(tree.prove(i).siblings) for i in set(indices))
    proof.verify(tree.root, [LEAVES[int(i)] for i in proof.indices])


# ----------------------------------------------------------------------------------------------------- consistency


@pytest.mark.op("sm3.hash")
def test_consistency_of_all_small_trees(kernel):
    """All pairs of sizes up to 70, proven by the later tree itself and by one that has grown beyond it."""
    grown = merkle.Tree(LEAVES[:71])
    roots = [trees.tree("rfc9162", size).root for size in range(71)]
    for second in range(1, 71):
        tree, oracle = merkle.Tree(LEAVES[:second]), trees.tree("rfc9162", second)
        for first in range(1, second + 1):
            proof = tree.consistency(first)
            assert proof.to_bytes() == oracle.consistency(first)
            assert grown.consistency(first, second) == proof
            assert (proof.first_size, proof.second_size) == (first, second)
            proof.verify(roots[first], roots[second], first_size=first, second_size=second)
            assert merkle.ConsistencyProof(first, second, proof.siblings) == proof
            for wrong in ((roots[first - 1], roots[second]), (roots[first], roots[second - 1])):
                with pytest.raises(accel.InvalidProof):
                    proof.verify(*wrong)
            with pytest.raises(accel.InvalidProof):
                proof.verify(roots[first], roots[second], first_size=first + 1)
            with pytest.raises(accel.InvalidProof):
                proof.verify(roots[first], roots[second], second_size=second + 1)


def test_every_flipped_bit_of_a_consistency_proof_is_refused():
    for first, second in ((1, 1), (1, 2), (2, 3), (3, 3), (4, 7), (6, 8), (7, 9)):
        roots = trees.tree("rfc9162", first).root, trees.tree("rfc9162", second).root
        genuine = trees.tree("rfc9162", second).consistency(first)
        merkle.ConsistencyProof.from_bytes(genuine).verify(*roots)
        for changed in all_flips(genuine):
            with pytest.raises((accel.EncodingError, accel.InvalidProof)):
                merkle.ConsistencyProof.from_bytes(changed).verify(*roots, first_size=first, second_size=second)


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1), st.integers(0, 2**32))
def test_consistency_verdicts_for_large_sizes(a, b, seed):
    """Nobody can hold such trees; but any nodes lead to some pair of roots, and the reference says to which."""
    first, second, rng = min(a, b), max(a, b), random.Random(seed)
    count = reference.consistency_length(first, second)
    nodes = [rng.randbytes(32) for _ in range(count)]
    roots = reference.roots_from_consistency_proof(first, second, rng.randbytes(32), nodes, openssl.sm3)
    assert roots is not None
    proof = merkle.ConsistencyProof(first, second, nodes)
    proof.verify(*roots, first_size=first, second_size=second)
    for wrong in ((WRONG, roots[1]), (roots[0], WRONG)):
        with pytest.raises(accel.InvalidProof):
            proof.verify(*wrong)
    for length in (count - 1, count + 1):
        if length >= 0:
            with pytest.raises(accel.ArgumentError, match=r"sibling.count: expected"):
                merkle.ConsistencyProof(first, second, [*nodes, WRONG][:length])


@pytest.mark.parametrize("rule", ["chainmaker", "bcos"])
def test_consistency_is_for_rfc9162(rule):
    with pytest.raises(accel.ArgumentError, match=f"rule rfc9162 only .* rule is {rule}"):
        merkle.Tree(LEAVES[:5], rule=rule).consistency(2)


# -------------------------------------------------------------------------------------------------------- decoding


def genuine_encodings() -> list[bytes]:
    encodings = []
    for rule in RULE_NAMES:
        for size in (1, 2, 3, 6, 11):
            oracle = trees.tree(rule, size)
            encodings += [oracle.prove(size - 1), oracle.multiproof(sorted({0, size // 2, size - 1}))]
    return encodings + [trees.tree("rfc9162", 11).consistency(first) for first in (1, 6, 8, 11)]


GENUINE = genuine_encodings()
CLASSES = {
    reference.INCLUSION: merkle.Proof,
    reference.MULTI: merkle.MultiProof,
    reference.CONSISTENCY: merkle.ConsistencyProof,
}


def decode(data: bytes) -> reference.EncodedProof | None:
    """What the native decoder makes of it, whatever kind it claims to be; None: refused."""
    name = next((rule.name for rule in reference.RULES.values() if len(data) > 2 and rule.code == data[2]), "rfc9162")
    kind = CLASSES.get(data[1] if len(data) > 1 else 0, merkle.Proof)
    try:
        proof = kind.from_bytes(data) if kind is merkle.ConsistencyProof else kind.from_bytes(data, rule=name)
    except accel.EncodingError:
        return None
    assert proof.to_bytes() == data
    siblings = tuple(row.tobytes() for row in proof.siblings)
    rule = reference.RULES[proof.rule]
    if isinstance(proof, merkle.ConsistencyProof):
        return reference.EncodedProof(3, rule, proof.second_size, proof.first_size, (), siblings)
    indices = (proof.index,) if isinstance(proof, merkle.Proof) else tuple(proof.indices.tolist())
    return reference.EncodedProof(data[1], rule, proof.tree_size, 0, indices, siblings)


def reference_decode(data: bytes) -> reference.EncodedProof | None:
    try:
        return reference.decode(data)
    except ValueError:
        return None


def test_genuine_encodings_decode():
    for data in GENUINE:
        assert decode(data) == reference_decode(data) is not None


def test_truncated_and_longer_encodings_are_refused():
    for data in GENUINE:
        for size in range(len(data)):
            with pytest.raises(accel.EncodingError, match="proof: "):
                CLASSES[data[1]].from_bytes(data[:size])
        assert decode(data + b"\0") is None
        assert decode(data + bytes(32)) is None


@given(st.sampled_from(GENUINE), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), min_size=1, max_size=3))
def test_decoders_agree_on_changed_encodings(genuine, changes):
    data = bytearray(genuine)
    for position, value in changes:
        data[position % len(data)] = value
    assert decode(bytes(data)) == reference_decode(bytes(data))


@given(
    st.integers(0, 4), st.integers(0, 5), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=200)
)
def test_decoders_agree_on_anything(kind, rule, size, second, rest):
    data = bytes([1, kind, rule, len(rest) // 32]) + size.to_bytes(8, "big") + second.to_bytes(8, "big") + rest
    assert decode(data) == reference_decode(data)


@pytest.mark.parametrize(
    ("position", "value", "sentence"),
    [
        (0, b"\x02", "version: expected 1, got 2"),
        (1, b"\x04", "kind: expected 1 (inclusion), 2 (multiproof) or 3 (consistency), got 4"),
        (2, b"\x00", "rule: expected 1 (rfc9162), 2 (chainmaker) or 3 (bcos), got 0"),
        (3, b"\x04", "sibling count: expected 3, got 4"),
        (4, bytes(8), "tree size: expected 1 to 2^63 - 1, got 0"),
        (4, b"\x80" + bytes(7), "tree size: expected 1 to 2^63 - 1, got 9223372036854775808"),
        (12, (6).to_bytes(8, "big"), "index: expected less than the tree size of 6, got 6"),
    ],
)
def test_decoding_errors_say_what_is_wrong(position, value, sentence):
    data = bytearray(trees.tree("rfc9162", 6).prove(0))
    data[position : position + len(value)] = value
    with pytest.raises(accel.EncodingError) as error:
        merkle.Proof.from_bytes(bytes(data))
    assert str(error.value) == f"proof: {sentence}"


def test_a_proof_of_another_kind_is_refused():
    tree = merkle.Tree(LEAVES[:4])
    with pytest.raises(accel.EncodingError, match="expected an inclusion proof, got kind 2"):
        merkle.Proof.from_bytes(tree.multiproof([1]).to_bytes())
    with pytest.raises(accel.EncodingError, match="expected a multiproof, got kind 1"):
        merkle.MultiProof.from_bytes(tree.prove(1).to_bytes())
    with pytest.raises(accel.EncodingError, match="expected a consistency proof, got kind 1"):
        merkle.ConsistencyProof.from_bytes(tree.prove(1).to_bytes())
    encoded = [tree.multiproof([1]).to_bytes(), tree.consistency(1).to_bytes()]
    assert (merkle.verify_many(tree.root, encoded, [LEAVES[1]] * 2) == merkle.BAD_PROOF).all()
