"""libaccel_golden's numbers, SM3 and points, every intermediate value, against plain integers and the standard."""

from __future__ import annotations

import itertools
import random
import subprocess
from ctypes import c_uint32, c_uint64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.reference import sm2, sm3
from oracles import golden, openssl, vectors
from oracles.golden import ADD, BAD_ARGUMENT, BAD_KEY, BAD_RANGE, DOUBLE, OK, buffer, call, compute, integer, words

CURVE = sm2.RECOMMENDED
R = 1 << 256
MODULI = {golden.P: CURVE.p, golden.N: CURVE.n}
EDGES = sorted(
    {0, 1, 2, 3, R - 1, R - 2, R >> 1, (R >> 1) - 1, (1 << 224) - 1, R - (1 << 32), R - (1 << 224)}
    | {m + d for m in MODULI.values() for d in (-2, -1, 0, 1, 2)}
    | {R - m + d for m in MODULI.values() for d in (-1, 0, 1)}
)
each_modulus = pytest.mark.parametrize("modulus", MODULI, ids=["p", "n"])
numbers = st.one_of(st.sampled_from(EDGES), st.integers(0, R - 1))


def pairs(count: int, seed: int) -> list[tuple[int, int]]:
    """All pairs of edges, and random ones."""
    generator = random.Random(seed)
    return [*itertools.product(EDGES, EDGES), *((generator.randrange(R), generator.randrange(R)) for _ in range(count))]


# --- the library ---


def test_it_exports_what_the_header_declares_and_nothing_else():
    command = ["nm", "--dynamic", "--defined-only", "--format=posix", str(golden.LIBRARY)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    exported = {line.split()[0] for line in lines}
    assert exported == set(golden.declarations())
    assert len(exported) > 40


def test_names_and_version():
    assert call("abi_version") == 1
    names = {code: call("status_name", code).decode() for code in range(-1, 24)}
    assert {code: name for code, name in names.items() if name != "UNKNOWN"} == {
        0: "NOT_CHECKED",
        1: "OK",
        2: "BAD_SIGNATURE",
        3: "BAD_KEY",
        4: "BAD_RANGE",
        5: "BAD_PROOF",
        16: "BAD_ARGUMENT",
    }


# --- bad arguments, for every function that the header declares ---

FUNCTIONS = {
    name: parameters
    for name, (result, parameters) in golden.declarations().items()
    if result == "int32_t" and parameters
}
# NULL is a value there.
NULLABLE = {"addition_out", "verify trace_out", "verify_bytes trace_out"}


def valid_arguments(parameters):
    """Arguments that break no contract: every buffer large, with a first word that is a sufficient struct_size."""
    room = 1 << 16
    values = {"capacity": 1 << 10, "index": 0}
    arguments = []
    for kind, name in parameters:
        if golden.is_pointer(kind):
            arguments.append((c_uint32 * (room // 4))(room))
        else:
            arguments.append(values.get(name, 1))
    return arguments


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if any(map(golden.is_pointer, dict(FUNCTIONS[name])))])
def test_null_pointers_and_small_structures_are_a_status(name):
    parameters, short = FUNCTIONS[name], name.removeprefix("accel_golden_")
    assert call(short, *valid_arguments(parameters)) != BAD_ARGUMENT
    for i, (kind, parameter) in enumerate(parameters):
        if not golden.is_pointer(kind):
            continue
        arguments = valid_arguments(parameters)
        arguments[i] = None
        nullable = parameter in NULLABLE or f"{short.removeprefix('sm2_')} {parameter}" in NULLABLE
        assert (call(short, *arguments) == BAD_ARGUMENT) != nullable, parameter
        if parameter == "trace_out":
            arguments[i] = words(0, 4096)
            arguments[i][0] = 63
            assert call(short, *arguments) == BAD_ARGUMENT
    nothing = [None if golden.is_pointer(kind) else 0 for kind, _ in parameters]
    assert call(short, *nothing) == BAD_ARGUMENT


@pytest.mark.parametrize(
    "name", [n for n, p in FUNCTIONS.items() if {"modulus", "rule", "name", "odd"} & {w for _, w in p}]
)
def test_unknown_selectors_are_a_status(name):
    parameters = FUNCTIONS[name]
    (position,) = (i for i, (_, word) in enumerate(parameters) if word in {"modulus", "rule", "name", "odd"})
    for value in (2 if parameters[position][1] == "odd" else 0, 13, 2**32 - 1):
        arguments = valid_arguments(parameters)
        arguments[position] = value
        assert call(name.removeprefix("accel_golden_"), *arguments) == BAD_ARGUMENT


def test_outputs_may_be_inputs():
    """Each call beside the same call with an array of its own for the output."""
    numbers = {"mod_mul": 8, "mod_inv": 8, "mont_mul": 8, "to_mont": 8}
    for name, size in numbers.items():
        a, b = words(R - 5, size), words(R - 7, size)
        rest = (golden.P, a, b) if name.endswith("mul") else (golden.P, a)
        expected = compute(name, *rest)
        assert call(name, a, *rest) == OK
        assert integer(a) == expected
    first, second = (golden.point_words(POINTS[i]) for i in (2, 3))
    expected = compute("point_add", first, second, size=16)
    assert call("point_add", second, first, second) == OK
    assert integer(second) == expected
    first, second = (golden.jacobian_words(scaled(POINTS[i], 5 + i)) for i in (2, 3))
    expected = compute("jacobian_add", None, first, second, size=24)
    assert call("jacobian_add", second, None, first, second) == OK
    assert integer(second) == expected
    trace, block = golden.Compression(), buffer(bytes(range(64)))
    expected = sm3.compress(sm3.INITIAL_VALUE, bytes(range(64)))
    trace.state[:] = sm3.INITIAL_VALUE
    assert call("sm3_compress_trace", trace, trace.state, block) == OK
    check_compression(trace, expected)
    left, right = buffer(b"L" * 32), buffer(b"R" * 32)
    assert call("merkle_node", right, 1, left, right) == OK
    assert bytes(right) == openssl.sm3(b"\x01" + b"L" * 32 + b"R" * 32)


# --- numbers ---


@given(numbers)
def test_bytes(x):
    out = buffer(32)
    assert call("number_to_bytes", out, words(x)) == OK
    assert bytes(out) == x.to_bytes(32, "big")
    assert compute("number_from_bytes", buffer(x.to_bytes(32, "big"))) == x


def test_constants():
    p, n = CURVE.p, CURVE.n
    expected = [p, n, CURVE.a, CURVE.b, CURVE.gx, CURVE.gy, R % p, R % n, R * R % p, R * R % n]
    expected += [-pow(p, -1, R) % R, -pow(n, -1, R) % R]
    assert [compute("constant", name) for name in range(1, 13)] == expected


@each_modulus
def test_arithmetic(modulus):
    m = MODULI[modulus]
    for a, b in pairs(2000, 1):
        x, y = words(a), words(b)
        assert compute("product", x, y, size=16) == a * b
        assert compute("mod_add", modulus, x, y) == (a + b) % m
        assert compute("mod_sub", modulus, x, y) == (a - b) % m
        assert compute("mod_mul", modulus, x, y) == a * b % m


@each_modulus
def test_inverses(modulus):
    m = MODULI[modulus]
    for a in (*EDGES, *(random.Random(2).randrange(R) for _ in range(100))):
        out = words(7)
        if a % m == 0:
            assert call("mod_inv", out, modulus, words(a)) == BAD_RANGE
            assert integer(out) == 0
        else:
            assert compute("mod_inv", modulus, words(a)) == pow(a, -1, m)


@each_modulus
def test_montgomery(modulus):
    m, generator = MODULI[modulus], random.Random(3)
    r_inverse = pow(R, -1, m)
    subtractions = set()
    for a, b in pairs(500, 4):
        product = a * b
        quotient = product * -pow(m, -1, R) % R
        total = (product + quotient * m) // R
        trace = golden.Montgomery()
        assert call("mont_mul_trace", trace, modulus, words(a), words(b)) == OK
        assert integer(trace.product) == product
        assert integer(trace.quotient) == quotient
        assert integer(trace.sum) == total
        assert trace.subtractions == total // m
        assert integer(trace.result) == a * b * r_inverse % m
        assert compute("mont_mul", modulus, words(a), words(b)) == a * b * r_inverse % m
        subtractions.add(trace.subtractions if a < m and b < m else (trace.subtractions,))
    assert {0, 1} <= subtractions <= {0, 1, (0,), (1,), (2,)}
    for a in (*EDGES, *(generator.randrange(R) for _ in range(100))):
        assert compute("to_mont", modulus, words(a)) == a * R % m
        assert compute("from_mont", modulus, words(a)) == a * r_inverse % m


@each_modulus
def test_digits_of_a_word_serial_multiplier_are_the_quotient(modulus):
    """What the header promises: 32 or 64 bits at a time, from the low end, the quotient's digits are those of REDC."""
    m, generator = MODULI[modulus], random.Random(5)
    trace = golden.Montgomery()
    for width in (16, 32, 64):
        base = 1 << width
        a, b = generator.randrange(m), generator.randrange(m)
        assert call("mont_mul_trace", trace, modulus, words(a), words(b)) == OK
        total, quotient = a * b, integer(trace.quotient)
        for i in range(256 // width):
            digit = total * -pow(m, -1, base) % base
            assert digit == quotient >> width * i & base - 1
            total = (total + digit * m) >> width
        assert total == integer(trace.sum)


# --- SM3 ---

LENGTHS = sorted({*range(0, 131), 183, 184, 191, 192, 193, 1000})


def state_words(state):
    return (c_uint32 * 8)(*state)


def check_compression(trace, expected):
    """Every field against the reference; SS1 to TT2, which it does not keep, against what the registers say."""
    assert tuple(trace.w) == expected.words
    assert tuple(trace.w_prime) == expected.words_prime
    flat = tuple(trace.registers)
    states = tuple(flat[8 * i : 8 * i + 8] for i in range(65))
    assert states == expected.states
    assert tuple(trace.state) == expected.output
    for j, (before, after) in enumerate(itertools.pairwise(states)):
        a12 = sm3.rotate_left(before[0], 12)
        ss1 = sm3.rotate_left((a12 + before[4] + sm3.rotate_left(sm3.constant(j), j)) % 2**32, 7)
        assert (trace.ss1[j], trace.ss2[j]) == (ss1, ss1 ^ a12)
        assert (trace.tt1[j], sm3.p0(trace.tt2[j])) == (after[0], after[4])


def trace_message(message: bytes):
    """A message's hash block by block, as a test bench does it."""
    length = c_uint64()
    assert call("sm3_pad", buffer(0), 0, golden.ctypes.byref(length), buffer(message), len(message)) == BAD_ARGUMENT
    blocks = buffer(length.value)
    assert call("sm3_pad", blocks, len(blocks), golden.ctypes.byref(length), buffer(message), len(message)) == OK
    assert bytes(blocks) == sm3.pad(message)
    state = words(0)
    assert call("sm3_initial", state) == OK
    traces = []
    for i in range(0, len(blocks), 64):
        block, trace, after = buffer(bytes(blocks[i : i + 64])), golden.Compression(), words(0)
        assert call("sm3_compress_trace", trace, state, block) == OK
        assert call("sm3_compress", after, state, block) == OK
        assert tuple(after) == tuple(trace.state)
        w, w_prime = words(0, 68), words(0, 64)
        assert call("sm3_expand", w, w_prime, block) == OK
        assert (tuple(w), tuple(w_prime)) == (tuple(trace.w), tuple(trace.w_prime))
        traces.append(trace)
        state = state_words(trace.state)
    return traces


def check_message(message: bytes):
    traces, expected = trace_message(message), sm3.trace(message)
    assert len(traces) == len(expected)
    for trace, each in zip(traces, expected, strict=True):
        check_compression(trace, each)
    digest = buffer(32)
    assert call("sm3_hash", digest, buffer(message), len(message)) == OK
    assert bytes(digest) == sm3.to_bytes(tuple(traces[-1].state)) == openssl.sm3(message)
    for split in {0, min(1, len(message)), len(message) // 2, len(message)}:
        prefix, rest = message[:split], message[split:]
        assert call("sm3_hash_prefixed", digest, buffer(prefix), split, buffer(rest), len(rest)) == OK
        assert bytes(digest) == openssl.sm3(message)


@pytest.mark.parametrize("length", LENGTHS)
def test_sm3_of_every_length_around_a_block(length):
    check_message(random.Random(length).randbytes(length))


@given(st.binary(max_size=300))
def test_sm3_of_any_message(message):
    check_message(message)


def test_sm3_published_examples():
    for example in vectors.load("sm3.json"):
        message = bytes.fromhex(example["message"])
        check_message(message)
        assert openssl.sm3(message).hex() == example["digest"]
        trace = trace_message(message)[0]
        if "words" in example:
            assert list(trace.w) == vectors.words(example["words"])
            assert list(trace.w_prime) == vectors.words(example["words_prime"])
            states = vectors.words(example["states"])
            assert list(trace.registers)[: len(states)] == states


def test_sm3_compresses_from_any_state():
    generator = random.Random(6)
    for _ in range(50):
        state, block = tuple(generator.randrange(2**32) for _ in range(8)), generator.randbytes(64)
        trace = golden.Compression()
        assert call("sm3_compress_trace", trace, state_words(state), buffer(block)) == OK
        check_compression(trace, sm3.compress(state, block))


def test_sm3_lengths_that_are_refused():
    digest, length = buffer(32), c_uint64()
    too_long = (1 << 60) + 1
    assert call("sm3_hash", digest, buffer(8), too_long) == BAD_ARGUMENT
    assert call("sm3_hash_prefixed", digest, buffer(8), 1 << 59, buffer(8), (1 << 59) + 1) == BAD_ARGUMENT
    assert call("sm3_hash_prefixed", digest, buffer(8), 2**64 - 1, buffer(8), 2) == BAD_ARGUMENT
    assert call("sm3_pad", buffer(8), 8, golden.ctypes.byref(length), buffer(8), too_long) == BAD_ARGUMENT
    assert call("sm3_pad", buffer(8), 63, golden.ctypes.byref(length), None, 0) == BAD_ARGUMENT
    assert length.value == 64
    assert call("sm3_hash", digest, None, 0) == OK
    assert bytes(digest) == openssl.sm3(b"")


# --- points ---


def multiples() -> dict[int, golden.Point]:
    """[i]G for small i of both signs, and some random points."""
    points: dict[int, golden.Point] = {i: sm2.multiply(CURVE, i, CURVE.generator) for i in range(-4, 5)}
    generator = random.Random(7)
    points.update((k, openssl.multiply_add(k, 0, None)) for k in (generator.randrange(1, CURVE.n) for _ in range(4)))
    return points


POINTS = multiples()
NO_POINTS = [
    (0, 1),
    (1, 1),
    (CURVE.gx, CURVE.gy + 1),
    (CURVE.gx, 0),
    (CURVE.p, CURVE.p),
    (R - 1, R - 1),
    (sm2.solve_y(CURVE, 4, odd=True) or 0, 4),
    # The points with x = 2 and with y = 1, with a coordinate given as p more.
    (CURVE.p + 2, sm2.solve_y(CURVE, 2, odd=True) or 0),
    (0x9C17043EFFE1A805A74A9A5E70B9D659705D3242094A566DC016F49311178D1F, 1 + CURVE.p),
]


def test_which_points_are_points():
    for point in POINTS.values():
        assert call("point_check", golden.point_words(point)) == (BAD_KEY if point is None else OK)
    for point in NO_POINTS:
        wrong, out = golden.point_words(point), words(1, 16)
        assert call("point_check", wrong) == BAD_KEY
        good = golden.point_words(CURVE.generator)
        for status in (
            call("point_negate", out, wrong),
            call("point_double", out, wrong),
            call("point_add", out, wrong, good),
            call("point_add", out, good, wrong),
            call("point_multiply", out, words(3), wrong),
        ):
            assert status == BAD_KEY
            assert integer(out) == 0
        count = c_uint64(9)
        assert call("point_multiply_trace", None, 0, golden.ctypes.byref(count), words(3), wrong) == BAD_KEY
        assert count.value == 0


def test_the_group():
    for first, second in itertools.product(POINTS.values(), repeat=2):
        p, q = golden.point_words(first), golden.point_words(second)
        assert compute("point_add", p, q, size=16) == integer(golden.point_words(sm2.add(CURVE, first, second)))
    for point in POINTS.values():
        p = golden.point_words(point)
        assert compute("point_double", p, size=16) == integer(golden.point_words(sm2.add(CURVE, point, point)))
        assert compute("point_negate", p, size=16) == integer(golden.point_words(sm2.negate(CURVE, point)))
        assert compute("point_add", p, p, size=16) == compute("point_double", p, size=16)


def test_decompression():
    generator = random.Random(8)
    for x in (*range(40), CURVE.p - 1, CURVE.p, CURVE.p + 2, R - 1, *(generator.randrange(R) for _ in range(20))):
        for odd in (0, 1):
            y, out = sm2.solve_y(CURVE, x, odd=bool(odd)), words(1, 16)
            assert call("point_decompress", out, words(x), odd) == (BAD_KEY if y is None else OK)
            assert golden.point(out) == (None if y is None else (x, y))


def standard_double(x1, y1, z1):
    """GB/T 32918.1-2016, section A.1.2.3.2 b)."""
    l1 = 3 * x1 * x1 + CURVE.a * z1**4
    l2, l3 = 4 * x1 * y1 * y1, 8 * y1**4
    x3 = l1 * l1 - 2 * l2
    return x3 % CURVE.p, (l1 * (l2 - x3) - l3) % CURVE.p, 2 * y1 * z1 % CURVE.p


def standard_add(first, second):
    """GB/T 32918.1-2016, section A.1.2.3.2 a)."""
    (x1, y1, z1), (x2, y2, z2) = first, second
    l1, l2, l4, l5 = x1 * z2**2, x2 * z1**2, y1 * z2**3, y2 * z1**3
    l3, l6, l7, l8 = l1 - l2, l4 - l5, l1 + l2, l4 + l5
    x3 = l6**2 - l7 * l3**2
    l9 = l7 * l3**2 - 2 * x3
    half = pow(2, -1, CURVE.p)
    return x3 % CURVE.p, (l9 * l6 - l8 * l3**3) * half % CURVE.p, z1 * z2 * l3 % CURVE.p


def scaled(point, z):
    """Jacobian coordinates of a point with this Z."""
    return (1, 1, 0) if point is None else (point[0] * z * z % CURVE.p, point[1] * z**3 % CURVE.p, z)


def affine_of(coordinates):
    return golden.point(words(compute("jacobian_to_affine", golden.jacobian_words(coordinates), size=16), 16))


def add_jacobian(first, second, *, mixed=False):
    out, addition = words(0, 24), c_uint32()
    convert = golden.point_words if mixed else golden.jacobian_words
    name = "jacobian_add_affine" if mixed else "jacobian_add"
    arguments = golden.jacobian_words(first), convert(second)
    assert call(name, out, golden.ctypes.byref(addition), *arguments) == OK
    again = words(0, 24)
    assert call(name, again, None, *arguments) == OK
    assert list(again) == list(out)
    return golden.jacobian(out), addition.value


def addition_of(first, second):
    """What an addition of two affine points meets."""
    if first is None:
        return golden.FIRST_INFINITE
    if second is None:
        return golden.SECOND_INFINITE
    if first[0] != second[0]:
        return golden.GENERIC
    return golden.EQUAL if first[1] == second[1] else golden.OPPOSITE


def test_jacobian_coordinates():
    generator = random.Random(9)
    met = set()
    for first, second in itertools.product(POINTS.values(), repeat=2):
        a, b = (scaled(point, generator.randrange(1, CURVE.p)) for point in (first, second))
        expected = addition_of(first, second)
        total, addition = add_jacobian(a, b)
        mixed, mixed_addition = add_jacobian(a, second, mixed=True)
        assert addition == mixed_addition == expected
        assert affine_of(total) == affine_of(mixed) == sm2.add(CURVE, first, second)
        if expected == golden.GENERIC:
            for result, other in ((total, b), (mixed, scaled(second, 1))):
                x, y, z = standard_add(a, other)
                assert result == (x, -y % CURVE.p, -z % CURVE.p)
        elif expected == golden.EQUAL:
            assert total == mixed == standard_double(*a)
        elif expected == golden.OPPOSITE:
            assert total == mixed == (1, 1, 0)
        else:
            assert total == (b if first is None else a)
        met.add(expected)
    assert met == {1, 2, 3, 4, 5}


def test_jacobian_doubling_and_conversions():
    generator = random.Random(10)
    for point in POINTS.values():
        coordinates = scaled(point, generator.randrange(1, CURVE.p))
        doubled = compute("jacobian_double", golden.jacobian_words(coordinates), size=24)
        assert golden.jacobian(words(doubled, 24)) == ((1, 1, 0) if point is None else standard_double(*coordinates))
        converted = compute("jacobian_from_affine", golden.point_words(point), size=24)
        assert golden.jacobian(words(converted, 24)) == scaled(point, 1)
        assert affine_of(coordinates) == point


def test_jacobian_formulas_take_any_numbers():
    """A multiplier array under test is fed with random numbers, on the curve or not, reduced or not."""
    generator = random.Random(11)
    for _ in range(100):
        first, second = (tuple(generator.choice((generator.randrange(R), R - 1)) for _ in range(3)) for _ in range(2))
        doubled = compute("jacobian_double", golden.jacobian_words(first), size=24)
        assert golden.jacobian(words(doubled, 24)) == standard_double(*first)
        if (first[0] * second[2] ** 2 - second[0] * first[2] ** 2) % CURVE.p:
            x, y, z = standard_add(first, second)
            assert add_jacobian(first, second) == ((x, -y % CURVE.p, -z % CURVE.p), golden.GENERIC)


def test_jacobian_coordinates_come_out_reduced():
    """Also where an addition hands one of its operands through; and Z = p is Z = 0."""
    p = CURVE.p
    unreduced, infinity = (p + 5, p + 6, p + 7), (p + 1, p + 2, p)
    assert add_jacobian(unreduced, infinity) == ((5, 6, 7), golden.SECOND_INFINITE)
    assert add_jacobian(infinity, unreduced) == ((5, 6, 7), golden.FIRST_INFINITE)
    assert add_jacobian(infinity, infinity) == ((1, 1, 0), golden.FIRST_INFINITE)
    assert add_jacobian(unreduced, None, mixed=True) == ((5, 6, 7), golden.SECOND_INFINITE)
    assert add_jacobian(infinity, (p + 5, p + 6), mixed=True) == ((5, 6, 1), golden.FIRST_INFINITE)


SCALARS = [0, 1, 2, 3, CURVE.n - 1, CURVE.n, CURVE.n + 1, R - 1, 1 << 255, random.Random(12).randrange(R)]


@pytest.mark.parametrize("k", SCALARS, ids=hex)
def test_multiplication_step_by_step(k):
    steps, count = (golden.Step * golden.MAX_STEPS)(), c_uint64()
    for point in (None, CURVE.generator, POINTS[-3]):
        p = golden.point_words(point)
        product = sm2.multiply(CURVE, k, point)
        assert compute("point_multiply", words(k), p, size=16) == integer(golden.point_words(product))
        assert call("point_multiply_trace", steps, len(steps), golden.ctypes.byref(count), words(k), p) == OK
        expected, accumulator, coordinates = [], None, (1, 1, 0)
        for bit in reversed(range(k.bit_length())):
            accumulator = sm2.add(CURVE, accumulator, accumulator)
            coordinates = golden.jacobian(
                words(compute("jacobian_double", golden.jacobian_words(coordinates), size=24), 24)
            )
            expected.append((bit, DOUBLE, 0, accumulator, coordinates))
            if k >> bit & 1:
                addition = addition_of(accumulator, point)
                accumulator = sm2.add(CURVE, accumulator, point)
                coordinates, _ = add_jacobian(coordinates, point, mixed=True)
                expected.append((bit, ADD, addition, accumulator, coordinates))
        assert accumulator == product
        assert [
            (s.bit, s.operation, s.addition, affine_of(golden.jacobian(s.jacobian)), golden.jacobian(s.jacobian))
            for s in steps[: count.value]
        ] == expected


def test_steps_that_do_not_fit():
    k, p, count = words(0b1011), golden.point_words(CURVE.generator), c_uint64()
    all_steps, some = (golden.Step * 7)(), (golden.Step * 7)()
    assert call("point_multiply_trace", all_steps, 7, golden.ctypes.byref(count), k, p) == OK
    for capacity in range(7):
        assert call("point_multiply_trace", some, capacity, golden.ctypes.byref(count), k, p) == BAD_ARGUMENT
        assert count.value == 7
        assert [s.bit for s in some[:capacity]] == [s.bit for s in all_steps[:capacity]]
        assert bytes(some[capacity]) == bytes(golden.Step())
