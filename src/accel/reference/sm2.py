"""SM2 signatures in plain integers, step by step (GB/T 32918.1-2016, GB/T 32918.2-2016, GB/T 32918.5-2017).

Curve arithmetic is affine, with one inversion for every addition, and nothing clever: this is what the fast kernels are
compared with. Every function takes the curve, because the standard's first worked example lives on another curve than
the one it recommends. Points are pairs of integers, ``None`` is the point at infinity. Nothing here is constant-time.
"""

from __future__ import annotations

from dataclasses import dataclass

from accel.reference import sm3

Point = tuple[int, int] | None
"""Affine coordinates, or ``None``, the point at infinity."""

DEFAULT_ID = b"1234567812345678"  # GM/T 0009-2012, section 10
MAX_ID_LENGTH = 8191  # bytes: the length in bits has to fit ZA's two-byte field
COORDINATE_SIZE = 32  # bytes of an integer of the curve


@dataclass(frozen=True)
class Curve:
    """y^2 = x^3 + a x + b over the prime field of p, with a generator (gx, gy) of prime order n; cofactor 1."""

    p: int
    a: int
    b: int
    n: int
    gx: int
    gy: int

    @property
    def generator(self) -> tuple[int, int]:
        """The base point G."""
        return self.gx, self.gy


RECOMMENDED = Curve(
    p=0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF,
    a=0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFC,
    b=0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93,
    n=0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123,
    gx=0x32C4AE2C_1F198119_5F990446_6A39C994_8FE30BBF_F2660BE1_715A4589_334C74C7,
    gy=0xBC3736A2_F4F6779C_59BDCEE3_6B692153_D0A9877C_C62A4740_02DF32E5_2139F0A0,
)
"""The curve that everybody uses (GB/T 32918.5-2017, section 4.2; curveSM2, OID 1.2.156.10197.1.301)."""

EXAMPLE = Curve(
    p=0x8542D69E_4C044F18_E8B92435_BF6FF7DE_45728391_5C45517D_722EDB8B_08F1DFC3,
    a=0x787968B4_FA32C3FD_2417842E_73BBFEFF_2F3C848B_6831D7E0_EC65228B_3937E498,
    b=0x63E4C6D3_B23B0C84_9CF84241_484BFE48_F61D59A5_B16BA06E_6E12D1DA_27C5249A,
    n=0x8542D69E_4C044F18_E8B92435_BF6FF7DD_29772063_0485628D_5AE74EE7_C32E79B7,
    gx=0x421DEBD6_1B62EAB6_746434EB_C3CC315E_32220B3B_ADD50BDC_4C4E6C14_7FEDD43D,
    gy=0x0680512B_CBB42C07_D47349D2_153B70C4_E5D7FDFC_BFA36EA1_A85841B9_E46E09A2,
)
"""The curve of the worked example in GB/T 32918.2-2016, annex A.2. For tests only."""


# --- the group (GB/T 32918.1-2016, section 3.2.3) ---


def is_on_curve(curve: Curve, x: int, y: int) -> bool:
    """Whether (x, y) is a point of the curve other than infinity, with both coordinates in [0, p - 1]."""
    in_field = 0 <= x < curve.p and 0 <= y < curve.p
    return in_field and (y * y - (x * x * x + curve.a * x + curve.b)) % curve.p == 0


def negate(curve: Curve, point: Point) -> Point:
    """-P."""
    return None if point is None else (point[0], -point[1] % curve.p)


def add(curve: Curve, first: Point, second: Point) -> Point:
    """P + Q, for any two points: equal, opposite and infinite ones too."""
    if first is None:
        return second
    if second is None:
        return first
    (x1, y1), (x2, y2), p = first, second, curve.p
    if x1 == x2:
        if (y1 + y2) % p == 0:
            return None
        slope = (3 * x1 * x1 + curve.a) * pow(2 * y1, -1, p) % p
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, p) % p
    x3 = (slope * slope - x1 - x2) % p
    return x3, (slope * (x1 - x3) - y1) % p


def multiply(curve: Curve, k: int, point: Point) -> Point:
    """[k]P by doubling and adding, for any integer k, negative too."""
    if k < 0:
        return multiply(curve, -k, negate(curve, point))
    result: Point = None
    for bit in bin(k)[2:]:
        result = add(curve, result, result)
        if bit == "1":
            result = add(curve, result, point)
    return result


# --- encodings (GB/T 32918.1-2016, section 4.2) ---


def to_bytes(x: int) -> bytes:
    """An integer of the curve as 32 bytes, big-endian."""
    return x.to_bytes(COORDINATE_SIZE, "big")


def square_root(x: int, p: int) -> int | None:
    """A square root of x modulo a prime p = 3 mod 4, which both curves have; ``None`` if there is none."""
    root = pow(x, (p + 1) // 4, p)
    return root if root * root % p == x % p else None


def solve_y(curve: Curve, x: int, *, odd: bool) -> int | None:
    """The y with the wanted parity for which (x, y) is on the curve; ``None`` if there is none.

    y = 0 would be a point of order 2, which a group of odd prime order does not have, so one of y and p - y is odd.
    """
    if not 0 <= x < curve.p:
        return None
    y = square_root(x * x * x + curve.a * x + curve.b, curve.p)
    if y is None:
        return None
    return y if y % 2 == odd else curve.p - y


def encode_point(point: tuple[int, int], *, compressed: bool = False) -> bytes:
    """04 || x || y, or 02 || x for an even y and 03 || x for an odd one (section 4.2.9)."""
    x, y = point
    if compressed:
        return bytes([2 + y % 2]) + to_bytes(x)
    return b"\x04" + to_bytes(x) + to_bytes(y)


def decode_point(curve: Curve, encoded: bytes) -> tuple[int, int]:
    """The point that `encode_point` encoded (section 4.2.10).

    Raises:
        ValueError: another length or first byte, or no point of the curve.
    """
    kind = encoded[0] if encoded else None
    x = int.from_bytes(encoded[1 : 1 + COORDINATE_SIZE], "big")
    y: int | None
    if kind == 4 and len(encoded) == 1 + 2 * COORDINATE_SIZE:
        y = int.from_bytes(encoded[1 + COORDINATE_SIZE :], "big")
    elif kind in (2, 3) and len(encoded) == 1 + COORDINATE_SIZE:
        y = solve_y(curve, x, odd=kind == 3)
    else:
        raise ValueError(f"encoded: expected 04 || x || y, or 02 or 03 || x, got {encoded.hex()!r}")
    if y is None or not is_on_curve(curve, x, y):
        raise ValueError(f"encoded: not a point of the curve: {encoded.hex()!r}")
    return x, y


# --- keys and digests (GB/T 32918.2-2016, sections 5.4 and 5.5) ---


def public_key(curve: Curve, private_key: int) -> tuple[int, int]:
    """P = [d]G.

    Raises:
        ValueError: d is not in [1, n - 2]; with d = n - 1 nobody could sign, since 1 + d has no inverse.
    """
    if not 1 <= private_key <= curve.n - 2:
        raise ValueError("private_key: expected an integer in [1, n - 2]")
    point = multiply(curve, private_key, curve.generator)
    assert point is not None  # d is no multiple of the order
    return point


def za(curve: Curve, key: tuple[int, int], user_id: bytes = DEFAULT_ID) -> bytes:
    """ZA = SM3(ENTL || ID || a || b || xG || yG || xA || yA): binds the signer's name, the curve and the key.

    ENTL is the length of the ID in bits, in two bytes.

    Raises:
        ValueError: an ID of more than 8,191 bytes.
    """
    if len(user_id) > MAX_ID_LENGTH:
        raise ValueError(f"user_id: expected at most {MAX_ID_LENGTH} bytes, got {len(user_id)}")
    entl = (8 * len(user_id)).to_bytes(2, "big")
    numbers = (curve.a, curve.b, curve.gx, curve.gy, *key)
    return sm3.digest(entl + user_id + b"".join(to_bytes(number) for number in numbers))


def digest(curve: Curve, key: tuple[int, int], message: bytes, user_id: bytes | None = DEFAULT_ID) -> int:
    """The digest e = SM3(ZA || M) as an integer, maybe n or more; e = SM3(M), without ZA, where `user_id` is None."""
    prefix = b"" if user_id is None else za(curve, key, user_id)
    return int.from_bytes(sm3.digest(prefix + message), "big")


# --- signing and verifying (GB/T 32918.2-2016, sections 6 and 7) ---


@dataclass(frozen=True)
class Verification:
    """A verification with its intermediate values; those that were never reached are ``None``.

    Attributes:
        ok: the verdict.
        reason: "" when valid; otherwise the first check that failed: "key", "range" or "equation".
        t: (r + s) mod n.
        sg: [s]G.
        tp: [t]P.
        point: [s]G + [t]P, whose x is x1'.
        r: R = (e + x1') mod n, which must equal r.
    """

    ok: bool
    reason: str
    t: int | None = None
    sg: Point = None
    tp: Point = None
    point: Point = None
    r: int | None = None


def sign(curve: Curve, private_key: int, e: int, nonce: int) -> tuple[int, int] | None:
    """The signature (r, s) of digest e with the given nonce k (section 6.1, steps A3 to A6).

    Returns:
        (r, s), or ``None`` where the standard says to take another nonce: r = 0, r + k = n or s = 0.

    Raises:
        ValueError: the nonce is not in [1, n - 1], or the private key not in [1, n - 2].
    """
    n = curve.n
    if not 1 <= nonce <= n - 1:
        raise ValueError("nonce: expected an integer in [1, n - 1]")
    if not 1 <= private_key <= n - 2:
        raise ValueError("private_key: expected an integer in [1, n - 2]")
    point = multiply(curve, nonce, curve.generator)
    assert point is not None  # k is no multiple of the order
    r = (e + point[0]) % n
    s = pow(1 + private_key, -1, n) * (nonce - r * private_key) % n
    return None if r == 0 or r + nonce == n or s == 0 else (r, s)


def verify(curve: Curve, key: tuple[int, int], signature: tuple[int, int], e: int) -> Verification:
    """Check (r, s) over digest e against a public key (section 7.1, steps B1, B2 and B5 to B7).

    The checks come in the order in which the library's item statuses win: key, range, equation.
    """
    (r, s), n = signature, curve.n
    if not is_on_curve(curve, *key):
        return Verification(ok=False, reason="key")
    t = (r + s) % n
    if not (1 <= r <= n - 1 and 1 <= s <= n - 1 and t != 0):
        return Verification(ok=False, reason="range", t=t)
    sg = multiply(curve, s, curve.generator)
    tp = multiply(curve, t, key)
    point = add(curve, sg, tp)
    # The standard leaves infinity out: it has no x, so nothing can equal r.
    computed_r = None if point is None else (e + point[0]) % n
    ok = computed_r == r
    return Verification(ok, "" if ok else "equation", t, sg, tp, point, computed_r)
