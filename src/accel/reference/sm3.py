"""The hash function SM3 in plain integers, step by step (GB/T 32905-2016; ISO/IEC 10118-3:2018, function 17).

Names follow the standard: ``W`` and ``W'`` are the expanded words, ``V`` is the chaining value, ``A`` to ``H`` are the
registers of the compression function CF. Words are integers below 2^32, big-endian in bytes. `trace` keeps every
intermediate value, for test benches that compare an implementation round by round.
"""

from __future__ import annotations

from dataclasses import dataclass

DIGEST_SIZE = 32  # bytes
BLOCK_SIZE = 64  # bytes
ROUNDS = 64

# Section 4.1.
INITIAL_VALUE = (0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E)

_MASK = 0xFFFFFFFF
_LENGTH_FIELD = 8  # bytes that hold the message's length in bits

State = tuple[int, ...]
"""Eight words, a chaining value ``V`` or the registers ``A`` to ``H``."""


@dataclass(frozen=True)
class Compression:
    """One application of CF (section 5.3.3) with everything that happens inside.

    Attributes:
        words: ``W_0`` to ``W_67``.
        words_prime: ``W'_0`` to ``W'_63``.
        states: the registers ``A`` to ``H`` before round 0 and after each of the 64 rounds: 65 states.
        output: the next chaining value: the last state, xor the first.
    """

    words: tuple[int, ...]
    words_prime: tuple[int, ...]
    states: tuple[State, ...]
    output: State


def rotate_left(x: int, count: int) -> int:
    """``x <<< count`` for a 32-bit word; any count of 0 or more."""
    count %= 32
    return (x << count | x >> (32 - count)) & _MASK


def constant(j: int) -> int:
    """``T_j``, section 4.2."""
    return 0x79CC4519 if j < 16 else 0x7A879D8A


def ff(j: int, x: int, y: int, z: int) -> int:
    """Boolean function ``FF_j``, section 4.3: parity, then majority."""
    return x ^ y ^ z if j < 16 else (x & y) | (x & z) | (y & z)


def gg(j: int, x: int, y: int, z: int) -> int:
    """Boolean function ``GG_j``, section 4.3: parity, then choice."""
    return x ^ y ^ z if j < 16 else (x & y) | (~x & _MASK & z)


def p0(x: int) -> int:
    """Permutation ``P_0``, section 4.4, used in the compression function."""
    return x ^ rotate_left(x, 9) ^ rotate_left(x, 17)


def p1(x: int) -> int:
    """Permutation ``P_1``, section 4.4, used in the message expansion."""
    return x ^ rotate_left(x, 15) ^ rotate_left(x, 23)


def pad(message: bytes) -> bytes:
    """The padded message, a multiple of 64 bytes (section 5.2): a 1 bit, zeros, the length in bits in 64 bits."""
    zeros = -(len(message) + 1 + _LENGTH_FIELD) % BLOCK_SIZE
    return message + b"\x80" + bytes(zeros) + (8 * len(message)).to_bytes(_LENGTH_FIELD, "big")


def expand(block: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The expanded words ``W`` (68) and ``W'`` (64) of a 64-byte block (section 5.3.2).

    Raises:
        ValueError: the block is not 64 bytes long.
    """
    if len(block) != BLOCK_SIZE:
        raise ValueError(f"block: expected {BLOCK_SIZE} bytes, got {len(block)}")
    w = [int.from_bytes(block[i : i + 4], "big") for i in range(0, BLOCK_SIZE, 4)]
    for j in range(16, 68):
        w.append(p1(w[j - 16] ^ w[j - 9] ^ rotate_left(w[j - 3], 15)) ^ rotate_left(w[j - 13], 7) ^ w[j - 6])
    return tuple(w), tuple(w[j] ^ w[j + 4] for j in range(ROUNDS))


def compress(v: State, block: bytes) -> Compression:
    """CF(`v`, `block`), section 5.3.3, with its intermediate values."""
    w, w_prime = expand(block)
    a, b, c, d, e, f, g, h = v
    states: list[State] = [v]
    for j in range(ROUNDS):
        ss1 = rotate_left((rotate_left(a, 12) + e + rotate_left(constant(j), j)) & _MASK, 7)
        ss2 = ss1 ^ rotate_left(a, 12)
        tt1 = (ff(j, a, b, c) + d + ss2 + w_prime[j]) & _MASK
        tt2 = (gg(j, e, f, g) + h + ss1 + w[j]) & _MASK
        d, c, b, a = c, rotate_left(b, 9), a, tt1
        h, g, f, e = g, rotate_left(f, 19), e, p0(tt2)
        states.append((a, b, c, d, e, f, g, h))
    output = tuple(new ^ old for new, old in zip(states[-1], v, strict=True))
    return Compression(words=w, words_prime=w_prime, states=tuple(states), output=output)


def trace(message: bytes) -> list[Compression]:
    """Every compression of `message`'s hash, one per block; the digest is the last one's output."""
    padded = pad(bytes(message))
    compressions: list[Compression] = []
    v: State = INITIAL_VALUE
    for i in range(0, len(padded), BLOCK_SIZE):
        compressions.append(compress(v, padded[i : i + BLOCK_SIZE]))
        v = compressions[-1].output
    return compressions


def to_bytes(state: State) -> bytes:
    """Eight words as 32 bytes, big-endian."""
    return b"".join(word.to_bytes(4, "big") for word in state)


def digest(message: bytes) -> bytes:
    """SM3(`message`): 32 bytes."""
    return to_bytes(trace(message)[-1].output)


def hmac(key: bytes, message: bytes) -> bytes:
    """HMAC (RFC 2104, GB/T 15852.2) with SM3: 32 bytes."""
    if len(key) > BLOCK_SIZE:
        key = digest(key)
    key = key.ljust(BLOCK_SIZE, b"\0")
    inner = digest(bytes(byte ^ 0x36 for byte in key) + message)
    return digest(bytes(byte ^ 0x5C for byte in key) + inner)
