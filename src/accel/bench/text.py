"""Numbers as people read them: three digits that count, SI prefixes, units after a space."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from accel.bench.report import OPERATIONS, Case, Spread

NBSP = "\N{NO-BREAK SPACE}"
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_TIMES = ((1e6, "s"), (1e3, "ms"), (1.0, "µs"))


def digits(value: float) -> str:
    """Three digits that count, with separators: `1.23`, `45.6`, `789`, `12,300`."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.2e}")  # first: 999.6 has a digit more afterwards
    places = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{places}f}"


def si(value: float) -> str:
    """With an SI prefix: `412 k`, `1.20 M`, `63.0`."""
    for scale, prefix in _PREFIXES:
        if value >= scale * 0.9995:
            return f"{digits(value / scale)}{NBSP}{prefix}"
    return digits(value)


def tick(value: float) -> str:
    """As `si`, without zeros at the end: for axes."""
    for scale, prefix in _PREFIXES:
        if value >= scale:
            return f"{value / scale:g}{NBSP}{prefix}"
    return f"{value:g}"


def tick_us(value: float) -> str:
    """As `microseconds`, without zeros at the end: for axes."""
    for scale, unit in _TIMES:
        if value >= scale:
            return f"{value / scale:g}{NBSP}{unit}"
    return f"{value:g}{NBSP}µs"


def microseconds(value: float) -> str:
    """A time in the unit that suits it: `12.3 µs`, `4.50 ms`, `1.20 s`."""
    for scale, unit in _TIMES:
        if value >= scale * 0.9995:
            return f"{digits(value / scale)}{NBSP}{unit}"
    return f"{digits(value)}{NBSP}µs"


def ratio(value: float) -> str:
    """`1.92 ×`."""
    return f"{digits(value)}{NBSP}×"


def percent(value: float) -> str:
    """Of a fraction: `83 %`, and below 10 % one digit more."""
    return f"{value * 100:.{0 if value >= 0.0995 else 1}f}{NBSP}%"


def spread(values: Spread) -> str:
    """Lowest to highest: `118 k to 124 k`."""
    return f"{si(values.low)} to {si(values.high)}"


def spread_of_ratio(values: Spread) -> str:
    """Lowest to highest: `1.88 to 1.97`."""
    return f"{digits(values.low)} to {digits(values.high)}"


def count(number: int, singular: str, plural: str | None = None) -> str:
    """`1 core`, `2 cores`."""
    return f"{number:,} {singular if number == 1 else plural or plural_of(singular)}"


def plural_of(noun: str) -> str:
    """`signatures`, `leaves`."""
    return {"leaf": "leaves"}.get(noun, noun + "s")


def items(case: Case) -> str:
    """What the items of a case are: `signatures`."""
    return plural_of(case.item)


def batches(batch: int) -> str:
    """`single calls`, or `batches of 4,096`."""
    return "single calls" if batch == 1 else f"batches of {batch:,}"


def threads(number: int) -> str:
    """`1 thread`."""
    return count(number, "thread")


def operation(name: str) -> str:
    """The title of an operation."""
    return OPERATIONS[name].title


def date(iso: str) -> str:
    """`2026-11-26 03:26 UTC` of an ISO 8601 date, which is in UTC if it names no zone; what is none stays as it is."""
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return f"{utc:%Y-%m-%d %H:%M}{NBSP}UTC"


def size(number: int) -> str:
    """Bytes of memory: `24 GiB`."""
    return f"{number / (1 << 30):.3g}{NBSP}GiB"
