"""Signatures made to meet the exceptional cases of fast verification.

Verification checks R = [s]G + [t]P with t = r + s and r = (e + x_R) mod n. Whoever may choose the digest e, as with
`verify_digest_many` or with no ZA, can choose s and t freely and get a *valid* signature under any point P, without its
private key: r = t - s, e = r - x_R. So every scalar below is one that an adversary can bring before us, and the answer
that must come out is known: the point comes from OpenSSL, and OpenSSL and the plain-integer reference judge each case
again in the tests.

Addition formulas for x_1 != x_2 divide by x_2 - x_1. Where a kernel adds equal or opposite points it must notice, and
since inversions are shared, one item that it does not notice spoils its neighbours. Each family of cases below aims at
one place where that can happen, or at a boundary of the range checks.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from accel.reference import sm2

from . import openssl

# The numbers that scripts rely on.
OK, BAD_SIGNATURE, BAD_KEY, BAD_RANGE = 1, 2, 3, 4

CURVE = sm2.RECOMMENDED
P, N, G = CURVE.p, CURVE.n, CURVE.generator
LIMIT = 1 << 256  # what 32 bytes can hold

Pair = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """One item for `verify_digest_many`, the status it must get, and what it aims at."""

    key: bytes
    signature: bytes
    digest: bytes
    status: int
    aim: str


def join(pair: Pair) -> bytes:
    """Two integers as 64 bytes."""
    return sm2.to_bytes(pair[0]) + sm2.to_bytes(pair[1])


def split(raw: bytes) -> Pair:
    """64 bytes as two integers."""
    return int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")


def base(k: int) -> Pair:
    """[k]G, which must not be infinity."""
    point = openssl.multiply_add(k % N, 0, None)
    assert point is not None
    return point


def case(key: Pair, signature: Pair, e: int, status: int, aim: str) -> Case:
    """A case from integers."""
    return Case(join(key), join(signature), sm2.to_bytes(e), status, aim)


def craft(key: Pair, s: int, t: int, aim: str) -> list[Case]:
    """The valid signature with these s and t, and the same over another digest, which is not.

    Where [s]G + [t]P is infinity no digest is right. Those that a careless sum would take: infinity with x = 0; with
    x = 1 (its usual Jacobian coordinates are (1, 1, 0)); one operand left out; opposite points taken for equal ones.
    """
    s, t = s % N, t % N
    r = (t - s) % N
    if 0 in (r, s, t):
        raise ValueError(f"{aim}: not a signature: r = {r:#x}, s = {s:#x}, t = {t:#x}")
    point = openssl.multiply_add(s, t, key)
    if point is None:
        abscissas = {"0": 0, "1": 1, "x([s]G)": base(s)[0], "x([2s]G)": base(2 * s)[0]}
        return [
            case(key, (r, s), (r - x) % N, BAD_SIGNATURE, f"{aim}: infinity, x taken for {name}")
            for name, x in abscissas.items()
        ]
    e = (r - point[0]) % N
    return [
        case(key, (r, s), e, OK, aim),
        case(key, (r, s), (e + 1) % N, BAD_SIGNATURE, f"{aim}: another digest"),
    ]


def craft_all(items: Iterable[tuple[Pair, int, int, str]]) -> list[Case]:
    """`craft` of every (key, s, t, aim) that is a signature at all."""
    wanted = [item for item in items if 0 not in (item[1] % N, item[2] % N, (item[2] - item[1]) % N)]
    return [made for each in openssl.parallel(lambda item: craft(*item), wanted) for made in each]


# --- scalars that split into equal halves ---


def window_splits() -> list[Case]:
    """Scalars k whose low windows sum to minus a G and whose high windows sum to (n - a) G, which is the same point.

    Take any bit j and a = n mod 2^j. Then n - a is a multiple of 2^j, and k = n - 2a = (n - a) - a is recoded with
    signed digits as the windows of n - a above bit j and those of -a below it, if bit j of n is set, so that the upper
    part stays odd. Adding the two halves is a doubling. An even k is recoded as n - k, so k = 2a meets the same. With
    windows of w bits a split lies at j = w m; every j from 1 to 255 covers every width and every split, and the bits of
    n that are clear come along. Once as s (the tables of G) and once as t (the tables of P), and both at once.
    """
    key, other = base(0x1234567), random.Random(10).randrange(1, N)
    items = []
    for j in range(1, 256):
        a = N % (1 << j)
        for name, k in (("n - 2a", N - 2 * a), ("2a", 2 * a)):
            items.append((key, k, other, f"s = {name}, split at bit {j}"))
            items.append((key, other, k, f"t = {name}, split at bit {j}"))
        items.append((key, 2 * a, -2 * a, f"s = 2a, t = n - 2a, split at bit {j}"))
    return craft_all(items)


def near_the_order() -> list[Case]:
    """Scalars close to 0 and to n, and powers of two.

    A generic fixed window of 5 bits over t = n - 6 ends by adding P to P: its upper windows are those of n - 7 or so,
    minus P, and so on for other widths and offsets. Small scalars leave all upper windows zero or all digits extreme.
    """
    key, other = base(0x7654321), random.Random(11).randrange(1, N)
    scalars = [*range(1, 70), *(N - k for k in range(1, 70))]
    scalars += [k for j in range(7, 256) for k in ((1 << j) - 1, 1 << j, (1 << j) + 1, -(1 << j))]
    items = []
    for k in scalars:
        items.append((key, k, other, f"s = {k:#x}"))
        items.append((key, other, k, f"t = {k:#x}"))
    return craft_all(items)


# --- the last addition, [s]G + [t]P ---


def last_addition() -> list[Case]:
    """s = t d: both halves are the same point, and the signature is valid. s = -t d: the sum is infinity.

    The adversary knows the private key d and signs so that the last addition is exceptional. The valid one must be
    accepted, and with the other one no digest at all may be.
    """
    generator = random.Random(12)
    items = []
    for d in (0x1234567, generator.randrange(1, N), generator.randrange(1, N)):
        for t in (1, 2, N - 1, N - 2, *(generator.randrange(1, N) for _ in range(6))):
            for sign, name in ((1, "t d"), (-1, "-t d")):
                items.append((base(d), sign * t * d, t, f"s = {name}, d = {d:#x}, t = {t:#x}"))
    return craft_all(items)


def generator_keys() -> list[Case]:
    """Keys that are small multiples of G or of -G, with small scalars: P's tables hold the same points as G's.

    Interleaved windows then add c G to a sum that is c G or -c G already, at the first step and at every later one.
    """
    small = (1, 2, 3, 5, 8, 15, 16, 17)
    scalars = [k for each in small for k in (each, N - each)]
    items = [
        (base(d), s, t, f"P = [{d}]G, s = {s:#x}, t = {t:#x}")
        for d in (1, 2, 3, 16, -1, -2, -3)
        for s in scalars
        for t in scalars
    ]
    return craft_all(items)


def shared_windows() -> list[Case]:
    """P = G or -G, and s and t agree in all windows but one, whatever the width: they differ by a power of two.

    If partial sums of [s]G and [t]P are added to each other window by window, all those additions are exceptional.
    """
    t = random.Random(13).randrange(1, N)
    items = []
    for j in range(256):
        for sign in (1, -1):
            for d in (1, -1):
                s = d * (t + sign * (1 << j))
                items.append((base(d), s, t, f"P = [{d}]G, s = {d} (t {'+' if sign > 0 else '-'} 2^{j})"))
    return craft_all(items)


def running_sums() -> list[Case]:
    """The running sum of interleaved windows meets a table entry half-way, not only in the last addition.

    The adversary chooses s and t first and then solves for the private key d: with s = (s1 2^j + c) 2^i + s0 and
    t = t1 2^(i+j) + t0, the sum before the digit c is added is [s1 2^j]G + [t1 2^j]P, and d makes that c G (a
    doubling), -c G (infinity in the middle) or infinity; likewise with the digit in t, and c P.
    """
    generator = random.Random(14)
    items = []
    for c in (0, 1, 3, 5, 7, 9, 15, 17, 31, 33, 127, 4095):
        for sign in (1, -1):
            for i in (0, 5, 40, 128):
                j = 14 if i else 64
                upper = 254 - i - j
                s1, t1 = (generator.randrange(1 << (upper - 1), 1 << upper) for _ in range(2))
                s0, t0 = (generator.randrange(1 << i) for _ in range(2))
                hs, ht = s1 << j, t1 << j
                d_for_g = (sign * c - hs) * pow(ht, -1, N) % N  # hs + ht d = sign c
                items.append((base(d_for_g), (hs + c << i) + s0, (ht << i) + t0, f"c G: {sign * c}, bit {i}"))
                d_for_p = hs * pow(sign * c - ht, -1, N) % N  # hs + ht d = sign c d
                items.append((base(d_for_p), (hs << i) + s0, (ht + c << i) + t0, f"c P: {sign * c}, bit {i}"))
    return craft_all(items)


# --- r = (e + x1) mod n, where x1 may be n or more ---


def craft_point(point: Pair, s: int, t: int, e: int | None, aim: str) -> list[Case]:
    """A signature whose R is a chosen point: solve for the key, P = t^-1 (R - [s]G), and keep it valid.

    Args:
        point: R.
        s: the scalar of G.
        t: the scalar of P.
        e: a digest instead of the one that is right, which makes the case a BAD_SIGNATURE; None: the right one.
        aim: what the case aims at.
    """
    inverse = pow(t, -1, N)
    key = openssl.multiply_add(-s * inverse % N, inverse, point)
    assert key is not None
    assert openssl.multiply_add(s, t, key) == point
    r = (t - s) % N
    if e is None:
        return [case(key, (r, s), (r - point[0]) % N, OK, aim)]
    return [case(key, (r, s), e % N, BAD_SIGNATURE, aim)]


def points_with_x(first: int, step: int, count: int) -> list[Pair]:
    """The first `count` points whose x is first, first + step, first + 2 step, ..."""
    points: list[Pair] = []
    x = first
    while len(points) < count:
        y = sm2.solve_y(CURVE, x, odd=bool(len(points) % 2))
        if y is not None:
            points.append((x, y))
        x += step
    return points


def second_candidate() -> list[Case]:
    """x1 in [n, p): r - e mod n is x1 - n, so a check in the field must try r - e + n too, if that is below p.

    Random signatures never get there: p - n is about 2^127. The x close to n, p - n and p, on both sides.
    """
    generator = random.Random(15)
    cases = []

    def scalars() -> tuple[int, int]:
        return generator.randrange(1, N), generator.randrange(1, N)

    for name, first, step in (("n +", N, 1), ("p -", P - 1, -1)):
        for point in points_with_x(first, step, 6):
            cases += craft_point(point, *scalars(), None, f"x1 = {name} {abs(point[0] - first)}, second candidate")
    for name, first, step in (
        ("", 0, 1),
        ("p - n +", P - N, 1),
        ("p - n - 1 -", P - N - 1, -1),
        ("n - 1 -", N - 1, -1),
    ):
        for point in points_with_x(first, step, 6):
            cases += craft_point(point, *scalars(), None, f"x1 = {name} {abs(point[0] - first)}, first candidate")
    for point in points_with_x(0, 1, 8):
        # r - e = x1 + p - n, so that the second candidate would be x1 + p: x1 again if it were reduced modulo p.
        s, t = scalars()
        e = t - s - (point[0] + P - N)
        cases += craft_point(point, s, t, e, f"r - e = p - n + {point[0]}: the second candidate is not below p")
    return cases


def digests() -> list[Case]:
    """Digests that are 0, n or more, and r - e = 0: e is any 32 bytes, reduced modulo n where it is used."""
    secret, generator = 0x1357924680, random.Random(16)
    key = base(secret)
    cases = []
    for e in (0, 1, N - 1, N, N + 1, P - 1, P, P + 1, LIMIT - 1, LIMIT - 2, 1 << 255, (1 << 255) - 1):
        signature = sm2.sign(CURVE, secret, e, generator.randrange(1, N))
        assert signature is not None
        cases.append(case(key, signature, e, OK, f"e = {e:#x}"))
        cases.append(case(key, signature, e ^ 1, BAD_SIGNATURE, f"e = {e:#x}, signed with its last bit flipped"))
        if e + N < LIMIT:
            cases.append(case(key, signature, e + N, OK, f"e = {e:#x}, given as e + n"))
        if e >= N:
            cases.append(case(key, signature, e - N, OK, f"e = {e:#x}, given as e - n"))
    for r in range(1, 8):
        # A small r and a digest above n: r - e is below -n, so a single correction by n would not do.
        x = (r - (LIMIT - 1)) % N
        y = sm2.solve_y(CURVE, x, odd=True)
        if y is not None:
            s = generator.randrange(1, N - r)
            (reduced,) = craft_point((x, y), s, s + r, None, f"r = {r}, e = 2^256 - 1, given as e mod n")
            cases += [reduced, replace(reduced, digest=sm2.to_bytes(LIMIT - 1), aim=f"r = {r}, e = 2^256 - 1")]
    for s, t in ((5, 7), (generator.randrange(1, N), generator.randrange(1, N))):
        y = sm2.solve_y(CURVE, 0, odd=False)
        assert y is not None
        cases += craft_point((0, y), s, t, None, "r - e = 0: x1 = 0")
        cases += craft_point((0, y), s, t, t - s + 1, "r - e = -1 with x1 = 0")
    return cases


# --- what fails before any point is computed ---


def _valid_case(seed: int) -> Case:
    generator = random.Random(seed)
    return craft(base(generator.randrange(1, N)), generator.randrange(1, N), generator.randrange(1, N), "valid")[0]


# Points with a y below 2^256 - p, from solving the cubic: their y + p fits in 32 bytes.
POINTS_WITH_SMALL_Y = (
    (0x9C17043EFFE1A805A74A9A5E70B9D659705D3242094A566DC016F49311178D1F, 1),
    (0x3B404F94E46027D11401987CD5ACB2953E4BFF91A7D856B40986700015B4F8A6, 2),
    (0x1800FFCB38194CE0905766DFD6B9CE196095203D481BA8E4E614749D615CD506, 3),
)
# Points of order 7, 13, 127 and 239 on y^2 = x^3 - 3x + b with other b: an addition that does not use b takes them.
POINTS_OF_OTHER_CURVES = (
    (
        0x79FD3B6F52B4273EA9B6300D2227EFBB7DBD9263E394C11B156BF05B3C2D7A9F,
        0x4AACA6187595CAF332925C0233705721C6364EE29BD0B751F48F89946BD8B268,
    ),
    (
        0xC69A8480CD480EE42968CDA8AD43525D764A61B3F8C08041E411C13A4FA83A02,
        0xD306573DFA7EF25B77A58B6791C06DB5CD021C1C33A67EC85E20E6AA20850532,
    ),
    (
        0x09876AB02C1EECAF2E09DCF679ADB22D1B869377310147256A11369BC261AC3A,
        0x4B5242619164CD8502AE4422A4DD308B7F82FB1DAFA4F972ADB53AB86F78964A,
    ),
    (
        0x30216A3EEE709611C9FE704B69B3485528B94DF3230B35BFABD95AE0DAD24969,
        0x9920BCE91AD1808FC10A08591CA5F3A2C9FC7AD8AF3EEC8A7A33C9EFD8253D1B,
    ),
)


def unreduced_keys() -> list[Case]:
    """A coordinate of p or more that is a point's coordinate modulo p, with a signature valid under that point.

    Accepting it would give one key two encodings, so two ZA and two addresses. Only coordinates below 2^256 - p have
    a second encoding. The point itself, beside it, is a key like any other.
    """
    cases = []
    for x, y in points_with_x(0, 1, 4):
        cases += _alias((x, y), (x + P, y), f"x = p + {x}")
    for x, y in POINTS_WITH_SMALL_Y:
        cases += _alias((x, y), (x, y + P), f"y = p + {y}")
    return cases


def _alias(key: Pair, alias: Pair, aim: str) -> list[Case]:
    valid = craft(key, 0xABCDEF, 0xFEDCBA987, f"{aim}, reduced")[0]
    return [valid, replace(valid, key=join(alias), status=BAD_KEY, aim=aim)]


def bad_keys() -> list[Case]:
    """Pairs that are no point: infinity's usual encodings, y = 0, the twist, other curves, the neighbours of points."""
    x_on_twist = next(x for x in range(100) if sm2.solve_y(CURVE, x, odd=True) is None)
    gx, gy = G
    pairs = {
        "(0, 0)": (0, 0),
        "(0, 1)": (0, 1),
        "(1, 1)": (1, 1),
        "y = 0, which an odd order excludes": (gx, 0),
        "an x whose points are on the twist": (x_on_twist, 1),
        "y off by one": (gx, gy + 1),
        "x off by one": (gx + 1, gy),
        "x and y exchanged": (gy, gx),
        "(p, p)": (P, P),
        "(p - 1, p - 1)": (P - 1, P - 1),
        "(x, p): y = 0 again": (gx, P),
        "all ones": (LIMIT - 1, LIMIT - 1),
        "x all ones": (LIMIT - 1, gy),
        "y all ones": (gx, LIMIT - 1),
    }
    valid = _valid_case(17)
    cases = [replace(valid, key=join(pair), status=BAD_KEY, aim=aim) for aim, pair in pairs.items()]
    cases += [
        replace(valid, key=join(pair), status=BAD_KEY, aim="a point of small order on another curve")
        for pair in POINTS_OF_OTHER_CURVES
    ]
    return cases


def bad_ranges() -> list[Case]:
    """r or s outside [1, n - 1], r + s = n; and r or s given as r + n or s + n where that is otherwise valid."""
    r, s = 0x1111, 0x2222
    values = (0, N, N + 1, P, LIMIT - 1)
    pairs = [(value, s) for value in values] + [(r, value) for value in values]
    pairs += [(first, second) for first in values for second in values]
    pairs += [(r, N - r), (N - s, s), (1, N - 1), (N - 1, 1), (N // 2, N - N // 2)]
    valid = _valid_case(18)
    cases = [
        replace(valid, signature=join(pair), status=BAD_RANGE, aim=f"r = {pair[0]:#x}, s = {pair[1]:#x}")
        for pair in pairs
    ]
    key = base(0x99)
    for s, t, alias in ((1 << 200, (1 << 200) + 5, (5 + N, 1 << 200)), (3, 1 << 200, ((1 << 200) - 3, 3 + N))):
        valid = craft(key, s, t, "r or s small")[0]
        cases += [valid, replace(valid, signature=join(alias), status=BAD_RANGE, aim="r + n or s + n")]
    largest = craft_all([(key, N - 1, N - 2, "r = s = n - 1"), (key, 1, 2, "r = s = 1"), (key, N - 1, 1, "r = 2")])
    return cases + largest


def precedence() -> list[Case]:
    """Items with several faults: the key's wins over the range's, and the range's over the equation's."""
    valid = _valid_case(19)
    wrong = sm2.to_bytes(int.from_bytes(valid.digest, "big") ^ 2)
    off_curve = valid.key[:-1] + bytes([valid.key[-1] ^ 1])
    bad = {"r = 0": (0, 5), "s = n": (5, N), "r + s = n": (5, N - 5), "all ones": (LIMIT - 1, LIMIT - 1)}
    cases = [replace(valid, key=off_curve, digest=wrong, status=BAD_KEY, aim="key and equation")]
    for aim, pair in bad.items():
        cases.append(replace(valid, signature=join(pair), digest=wrong, status=BAD_RANGE, aim=aim))
        cases.append(replace(valid, key=off_curve, signature=join(pair), status=BAD_KEY, aim=f"key and {aim}"))
    return cases


# --- scalars of chosen density ---


def bit_densities() -> list[Case]:
    """s and t with few or many bits set, and with runs of equal bits: carries and borrows that random bits avoid."""
    generator = random.Random(20)
    scalars = []
    for weight in (1, 2, 4, 8, 16, 32, 64, 128, 192, 224, 240, 248, 252, 254, 255, 256):
        for _ in range(3):
            scalars.append(sum(1 << bit for bit in generator.sample(range(256), weight)))
    for length in (8, 32, 52, 64, 104, 128, 192):
        for start in range(0, 256 - length, 29):
            run = (1 << length) - 1 << start
            scalars += [run, LIMIT - 1 - run]
    reduced = [k % N for k in scalars if k % N]
    key = base(0x424242)
    pairs = list(zip(reduced, reduced[1:] + reduced[:1], strict=True))
    return craft_all((key, s, t, f"s = {s:#x}, t = {t:#x}") for s, t in pairs)


FAMILIES = {
    family.__name__: family
    for family in (
        window_splits,
        near_the_order,
        last_addition,
        generator_keys,
        shared_windows,
        running_sums,
        second_candidate,
        digests,
        unreduced_keys,
        bad_keys,
        bad_ranges,
        precedence,
        bit_densities,
    )
}
