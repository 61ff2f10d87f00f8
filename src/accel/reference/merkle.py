"""Merkle trees in plain Python: three rules, their roots, proofs and verifiers.

A tree over n leaves has levels: level 0 holds the n leaf hashes, and a level of w nodes has one of ceil(w / 2) nodes
above it, up to the root. Nodes 2i and 2i+1 are the children of node i above. When w is odd the last node has no
sibling; what its parent is, and whether leaves and nodes are hashed with a prefix, is all that the rules differ in.

Everything takes the hash function as a parameter, SM3 by default: the structure does not depend on it, so the published
vectors of Certificate Transparency, made with SHA-256, hold here with ``hash_function=sha256``.

Under ``rfc9162`` this module follows the recursive definitions of RFC 9162, section 2.1, letter by letter; under the
two other rules it goes level by level. Nothing here is optimised, and trees are lists of leaf hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from accel.reference import sm3

HASH_SIZE = 32  # bytes
MAX_TREE_SIZE = 2**63 - 1

HashFunction = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Rule:
    """What tells one kind of tree from another.

    Attributes:
        code: the rule's number in encoded proofs.
        name: the rule's name.
        leaf_prefix: comes before a leaf's data.
        node_prefix: comes before a node's two children.
        lone: the parent of a node L without a sibling: ``promote`` gives L itself, ``twice`` H(L || L), ``alone`` H(L).
    """

    code: int
    name: str
    leaf_prefix: bytes
    node_prefix: bytes
    lone: str


RULES = {
    rule.name: rule
    for rule in (
        Rule(1, "rfc9162", b"\x00", b"\x01", "promote"),
        Rule(2, "chainmaker", b"", b"", "twice"),
        Rule(3, "bcos", b"", b"", "alone"),
    )
}


def leaf_hash(data: bytes, rule: Rule, hash_function: HashFunction = sm3.digest) -> bytes:
    """The hash that stands for a leaf with this data."""
    return hash_function(rule.leaf_prefix + data)


def node_hash(left: bytes, right: bytes, rule: Rule, hash_function: HashFunction = sm3.digest) -> bytes:
    """The parent of two nodes."""
    return hash_function(rule.node_prefix + left + right)


def lone_hash(child: bytes, rule: Rule, hash_function: HashFunction = sm3.digest) -> bytes:
    """The parent of a node without a sibling."""
    if rule.lone == "promote":
        return child
    return hash_function(child + child) if rule.lone == "twice" else hash_function(child)


# ------------------------------------------------------------------------------------------------------------- shape


def widths(size: int) -> list[int]:
    """The number of nodes on each level of a tree of `size` leaves, from the leaves to the root."""
    levels = [size]
    while levels[-1] > 1:
        levels.append((levels[-1] + 1) // 2)
    return levels


def sibling_positions(size: int, index: int) -> list[tuple[int, int]]:
    """(level, position) of every sibling on the way from a leaf to the root: what an inclusion proof holds."""
    path = []
    for level, width in enumerate(widths(size)[:-1]):
        sibling = (index >> level) ^ 1
        if sibling < width:
            path.append((level, sibling))
    return path


def multiproof_positions(size: int, indices: Sequence[int]) -> list[tuple[int, int]]:
    """(level, position) of the nodes that a multiproof holds: from the leaves up, each level from left to right.

    A node is in the proof when its sibling lies on the way from a proven leaf to the root and it itself does not:
    exactly what the verifier cannot compute.
    """
    path = []
    known = set(indices)
    for level, width in enumerate(widths(size)[:-1]):
        path += [(level, p) for p in range(width) if p not in known and p ^ 1 in known]
        known = {p // 2 for p in known}
    return path


def split(size: int) -> int:
    """The largest power of two smaller than `size` (RFC 9162, section 2.1.1: k)."""
    return 1 << (size - 1).bit_length() - 1


# ------------------------------------------------------------------------------------------------------------- roots


def empty_root(rule: Rule, hash_function: HashFunction = sm3.digest) -> bytes:
    """The root of the tree without leaves.

    RFC 9162, section 2.1.1: the hash of the empty string. The two others define none (an empty block's header carries
    no root); the zero hash stands for it.
    """
    return hash_function(b"") if rule.name == "rfc9162" else bytes(HASH_SIZE)


def levels_of(leaf_hashes: Sequence[bytes], rule: Rule, hash_function: HashFunction = sm3.digest) -> list[list[bytes]]:
    """All levels of a tree, the leaf hashes first and the root last."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [node_hash(below[i], below[i + 1], rule, hash_function) for i in range(0, len(below) - 1, 2)]
        if len(below) % 2:
            above.append(lone_hash(below[-1], rule, hash_function))
        levels.append(above)
    return levels


def root(leaf_hashes: Sequence[bytes], rule: Rule, hash_function: HashFunction = sm3.digest) -> bytes:
    """The root over leaf hashes."""
    if not leaf_hashes:
        return empty_root(rule, hash_function)
    if rule.name == "rfc9162":
        return rfc9162_root(leaf_hashes, hash_function)
    return levels_of(leaf_hashes, rule, hash_function)[-1][0]


def rfc9162_root(leaf_hashes: Sequence[bytes], hash_function: HashFunction = sm3.digest) -> bytes:
    """MTH(D_n) for n > 0, by the recursion of RFC 9162, section 2.1.1."""
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    k = split(len(leaf_hashes))
    left, right = rfc9162_root(leaf_hashes[:k], hash_function), rfc9162_root(leaf_hashes[k:], hash_function)
    return hash_function(b"\x01" + left + right)


# -------------------------------------------------------------------------------------------------- inclusion proofs


def inclusion_proof(
    leaf_hashes: Sequence[bytes], index: int, rule: Rule, hash_function: HashFunction = sm3.digest
) -> list[bytes]:
    """The siblings on the way from leaf `index` to the root, from the leaf up. A node without a sibling adds none."""
    if rule.name == "rfc9162":
        return rfc9162_path(leaf_hashes, index, hash_function)
    levels = levels_of(leaf_hashes, rule, hash_function)
    return [levels[level][position] for level, position in sibling_positions(len(leaf_hashes), index)]


def rfc9162_path(leaf_hashes: Sequence[bytes], m: int, hash_function: HashFunction = sm3.digest) -> list[bytes]:
    """PATH(m, D_n), by the recursion of RFC 9162, section 2.1.3.1."""
    if len(leaf_hashes) == 1:
        return []
    k = split(len(leaf_hashes))
    left, right = leaf_hashes[:k], leaf_hashes[k:]
    if m < k:
        return [*rfc9162_path(left, m, hash_function), rfc9162_root(right, hash_function)]
    return [*rfc9162_path(right, m - k, hash_function), rfc9162_root(left, hash_function)]


def root_from_inclusion_proof(
    leaf: bytes, index: int, size: int, siblings: Sequence[bytes], rule: Rule, hash_function: HashFunction = sm3.digest
) -> bytes | None:
    """The root that a proof leads to; None when index, size and the number of siblings do not fit together."""
    if not 0 <= index < size or len(siblings) != len(sibling_positions(size, index)):
        return None
    by_level = dict(zip((level for level, _ in sibling_positions(size, index)), siblings, strict=True))
    node = leaf
    for level in range(len(widths(size)) - 1):
        if level not in by_level:
            node = lone_hash(node, rule, hash_function)
        elif (index >> level) % 2:
            node = node_hash(by_level[level], node, rule, hash_function)
        else:
            node = node_hash(node, by_level[level], rule, hash_function)
    return node


# ------------------------------------------------------------------------------------------------------- multiproofs


def multiproof(
    leaf_hashes: Sequence[bytes], indices: Sequence[int], rule: Rule, hash_function: HashFunction = sm3.digest
) -> list[bytes]:
    """The least nodes with which the root follows from the leaves at `indices` (increasing)."""
    levels = levels_of(leaf_hashes, rule, hash_function)
    return [levels[level][position] for level, position in multiproof_positions(len(leaf_hashes), indices)]


def root_from_multiproof(
    leaves: Sequence[bytes],
    indices: Sequence[int],
    size: int,
    siblings: Sequence[bytes],
    rule: Rule,
    hash_function: HashFunction = sm3.digest,
) -> bytes | None:
    """The root that a multiproof leads to; None when its parts do not fit together."""
    increasing = all(a < b for a, b in pairwise(indices))
    if not indices or not increasing or indices[0] < 0 or indices[-1] >= size or len(leaves) != len(indices):
        return None
    positions = multiproof_positions(size, indices)
    if len(siblings) != len(positions):
        return None
    known = {(0, i): leaf for i, leaf in zip(indices, leaves, strict=True)}
    known.update(zip(positions, siblings, strict=True))
    levels = widths(size)
    for level, width in enumerate(levels[:-1]):
        for left in sorted({position & ~1 for at, position in known if at == level}):
            node = known[level, left]
            known[level + 1, left // 2] = (
                node_hash(node, known[level, left + 1], rule, hash_function)
                if left + 1 < width
                else lone_hash(node, rule, hash_function)
            )
    return known[len(levels) - 1, 0]


# ------------------------------------------------------------------------------------------------ consistency proofs


def consistency_proof(
    leaf_hashes: Sequence[bytes], first_size: int, hash_function: HashFunction = sm3.digest
) -> list[bytes]:
    """PROOF(m, D_n) of RFC 9162, section 2.1.4.1, for 0 < m <= n: the first m leaves are a beginning of all n.

    Only rule ``rfc9162`` has it: under the two others a tree's lone nodes are hashed, and change as the tree grows.
    """
    return _subproof(leaf_hashes, first_size, hash_function, whole=True)


def _subproof(leaf_hashes: Sequence[bytes], m: int, hash_function: HashFunction, *, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D_n, b) of RFC 9162, section 2.1.4.1."""
    n = len(leaf_hashes)
    if m == n:
        return [] if whole else [rfc9162_root(leaf_hashes, hash_function)]
    k = split(n)
    left, right = leaf_hashes[:k], leaf_hashes[k:]
    if m <= k:
        return [*_subproof(left, m, hash_function, whole=whole), rfc9162_root(right, hash_function)]
    return [*_subproof(right, m - k, hash_function, whole=False), rfc9162_root(left, hash_function)]


def consistency_length(first_size: int, second_size: int) -> int:
    """The number of nodes in a consistency proof, by the recursion that makes it."""

    def length(m: int, n: int, *, whole: bool) -> int:
        if m == n:
            return 0 if whole else 1
        k = split(n)
        return 1 + (length(m, k, whole=whole) if m <= k else length(m - k, n - k, whole=False))

    return length(first_size, second_size, whole=True)


def roots_from_consistency_proof(
    first_size: int,
    second_size: int,
    first_root: bytes,
    nodes: Sequence[bytes],
    hash_function: HashFunction = sm3.digest,
) -> tuple[bytes, bytes] | None:
    """The roots fr and sr that a proof leads to; None when sizes and number of nodes do not fit together.

    RFC 9162, section 2.1.4.2, with the case of equal sizes (an empty proof, equal roots). If the first size is a power
    of two, the first tree is a subtree of the second and its root the first node, which the proof leaves out.
    """
    if not 0 < first_size <= second_size:
        return None
    if first_size == second_size:
        return None if nodes else (first_root, first_root)
    if not nodes:
        return None
    path = [first_root, *nodes] if first_size & (first_size - 1) == 0 else list(nodes)
    fn, sn = first_size - 1, second_size - 1
    while fn % 2:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return None
        if fn % 2 or fn == sn:
            fr = hash_function(b"\x01" + c + fr)
            sr = hash_function(b"\x01" + c + sr)
            while fn % 2 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hash_function(b"\x01" + sr + c)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr) if sn == 0 else None


def verify_consistency(
    first_size: int,
    second_size: int,
    first_root: bytes,
    second_root: bytes,
    nodes: Sequence[bytes],
    hash_function: HashFunction = sm3.digest,
) -> bool:
    """Whether the proof leads to both roots."""
    roots = roots_from_consistency_proof(first_size, second_size, first_root, nodes, hash_function)
    return roots == (first_root, second_root)


# --------------------------------------------------------------------------------------------------------- encodings
# docs/proofs.md describes them byte by byte. Integers are big-endian.

VERSION = 1
INCLUSION, MULTI, CONSISTENCY = 1, 2, 3


@dataclass(frozen=True)
class EncodedProof:
    """The fields of an encoded proof.

    Attributes:
        kind: ``INCLUSION``, ``MULTI`` or ``CONSISTENCY``.
        rule: the rule of the tree.
        size: leaves in the tree; under ``CONSISTENCY`` in the later of the two trees.
        first: leaves in the earlier tree under ``CONSISTENCY``; 0 otherwise.
        indices: the proven leaves, increasing; one under ``INCLUSION``, none under ``CONSISTENCY``.
        siblings: hashes, from the leaves up.
    """

    kind: int
    rule: Rule
    size: int
    first: int
    indices: tuple[int, ...]
    siblings: tuple[bytes, ...]


def encode(proof: EncodedProof) -> bytes:
    """The bytes of a proof."""
    count = 0 if proof.kind == MULTI else len(proof.siblings)
    head = bytes([VERSION, proof.kind, proof.rule.code, count]) + _integer(proof.size)
    if proof.kind == INCLUSION:
        head += _integer(proof.indices[0])
    elif proof.kind == CONSISTENCY:
        head += _integer(proof.first)
    else:
        head += _integer(len(proof.indices)) + _integer(len(proof.siblings))
        head += b"".join(map(_integer, proof.indices))
    return head + b"".join(proof.siblings)


def decode(data: bytes) -> EncodedProof:
    """The fields of an encoded proof.

    Raises:
        ValueError: anything but the one encoding of a well-formed proof.
    """
    rules = {rule.code: rule for rule in RULES.values()}
    _require(len(data) >= 20 and data[0] == VERSION, "version")
    kind, rule = data[1], rules.get(data[2])
    _require(kind in (INCLUSION, MULTI, CONSISTENCY), "kind")
    if rule is None:
        raise ValueError("rule")
    size, second = _integers(data, 4, 2)
    _require(0 < size <= MAX_TREE_SIZE, "tree size")
    if kind == MULTI:
        return _decode_multi(data, rule, size, second)
    if kind == INCLUSION:
        _require(second < size, "index")
        expected = len(sibling_positions(size, second))
    else:
        _require(rule.name == "rfc9162" and 0 < second <= size, "first size")
        expected = consistency_length(second, size)
    _require(data[3] == expected and len(data) == 20 + HASH_SIZE * expected, "siblings")
    first, indices = (0, (second,)) if kind == INCLUSION else (second, ())
    return EncodedProof(kind, rule, size, first, indices, _hashes(data, 20))


def _decode_multi(data: bytes, rule: Rule, size: int, index_count: int) -> EncodedProof:
    _require(data[3] == 0 and len(data) >= 28, "head")
    (sibling_count,) = _integers(data, 20, 1)
    _require(0 < index_count <= size, "index count")
    _require(len(data) == 28 + 8 * index_count + HASH_SIZE * sibling_count, "length")
    indices = _integers(data, 28, index_count)
    _require(all(a < b for a, b in pairwise(indices)), "order of indices")
    _require(indices[-1] < size, "index")
    _require(sibling_count == _multiproof_length(size, indices), "siblings")
    return EncodedProof(MULTI, rule, size, 0, indices, _hashes(data, 28 + 8 * index_count))


def _multiproof_length(size: int, indices: Sequence[int]) -> int:
    """The length of `multiproof_positions`, without walking over a level that may have 2^62 nodes."""
    count, known = 0, set(indices)
    for width in widths(size)[:-1]:
        count += sum(p ^ 1 not in known and p ^ 1 < width for p in known)
        known = {p // 2 for p in known}
    return count


def _integer(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _integers(data: bytes, start: int, count: int) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[start + 8 * i : start + 8 * i + 8], "big") for i in range(count))


def _hashes(data: bytes, start: int) -> tuple[bytes, ...]:
    return tuple(data[i : i + HASH_SIZE] for i in range(start, len(data), HASH_SIZE))


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(what)
