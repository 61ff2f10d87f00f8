"""Throughput over batch size and over message length; scaling over threads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go

from accel.bench import text
from accel.bench.page import plot
from accel.bench.page.plot import Plot, Section, Table
from accel.bench.report import ACCEL_ITSELF, Ratio, Report, Scaling, Spread, Throughput

CLOCKS = {"thread-cpu": "CPU time of the thread", "wall": "wall clock"}


def throughput(report: Report) -> Section:
    """One plot for each operation and number of threads, and one over message lengths where there are several."""
    groups: dict[tuple[str, int], list[Throughput]] = defaultdict(list)
    for row in sorted(report.throughput, key=lambda row: plot.sort_key(row.case)):
        groups[row.case.operation, row.case.threads].append(row)
    colours = plot.colours(row.case.kernel for row in report.throughput)
    plots: list[Plot] = []
    for measured in groups.values():
        plots.append(_over_batch(measured, report.ratios, colours))
        plots += _over_length(measured, colours)
    return Section(
        "throughput",
        "Throughput",
        "How many items a second, by the number of items in one call. A kernel is one way to compute on one kind of "
        "CPU; accel chooses the best one that the CPU has. Known keys are those of signers for whom tables were made "
        "before.",
        tuple(plots),
        "No throughput was measured in this run.",
    )


def _fastest(rows: Iterable[Throughput]) -> Throughput:
    return max(rows, key=lambda row: row.rate_per_s.median)


def _shown_length(rows: Sequence[Throughput]) -> int | None:
    """The message length with most rows; the shortest of several."""
    lengths = [row.case.message_length for row in rows]
    return min(lengths, key=lambda length: (-lengths.count(length), -1 if length is None else length))


def _lines(rows: Iterable[Throughput]) -> list[tuple[str, list[Throughput]]]:
    """Rows by kernel and keys, the fastest first."""
    lines: dict[str, list[Throughput]] = defaultdict(list)
    for row in rows:
        lines[plot.series(row.case)].append(row)
    return sorted(lines.items(), key=lambda line: (-_fastest(line[1]).rate_per_s.median, line[0]))


def _peer_rates(ratios: Iterable[Ratio], shown: Throughput) -> list[tuple[str, dict[int, Spread]]]:
    """What peers did of the same, by batch: all rounds of a batch together, beside whichever kernel they stood."""
    rounds: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for ratio in ratios:
        case = ratio.case
        nodes = ratio.runner == "native" and case.operation == "merkle.root"  # of leaves that were hashed before
        if ratio.peer in ACCEL_ITSELF or nodes:
            continue
        if (case.operation, case.threads, case.message_length) == (
            shown.case.operation,
            shown.case.threads,
            shown.case.message_length,
        ):
            rounds[ratio.peer][case.batch] += ratio.theirs_per_s.rounds
    rates = {peer: {batch: Spread.of(rounds[peer][batch]) for batch in sorted(rounds[peer])} for peer in sorted(rounds)}
    return sorted(rates.items(), key=lambda item: (-max(rate.median for rate in item[1].values()), item[0]))


def _over_batch(rows: Sequence[Throughput], ratios: Iterable[Ratio], colours: Mapping[str, str]) -> Plot:
    length = _shown_length(rows)
    shown = [row for row in rows if row.case.message_length == length]
    best = _fastest(shown)
    batches = [row.case.batch for row in shown]
    figure = go.Figure()
    for label, line in _lines(shown):
        figure.add_scatter(
            x=[row.case.batch for row in line],
            y=[row.rate_per_s.median for row in line],
            error_y=plot.errors([row.rate_per_s for row in line]),
            customdata=[f"{text.si(row.rate_per_s.median)} ({text.spread(row.rate_per_s)})" for row in line],
            hovertemplate="%{x:,} in a call: %{customdata}<extra>" + plot.name(label) + "</extra>",
            name=plot.name(label),
            mode="lines+markers",
            line={"color": colours[line[0].case.kernel], "width": 2},
            marker={"symbol": plot.SYMBOLS[line[0].case.keys], "size": 8},
        )
    peers = _peer_rates(ratios, best)
    for (peer, rates), dash in zip(peers, plot.DASHES, strict=False):
        _add_peer(figure, peer, rates, dash, (min(batches), max(batches)))
    item = text.items(best.case)
    drawn, others = peers[: len(plot.DASHES)], peers[len(plot.DASHES) :]
    values = [row.rate_per_s.median for row in shown] + [rate.median for _, of in drawn for rate in of.values()]
    figure.update_layout(
        plot.layout(
            430,
            xaxis=plot.batch_axis(batches),
            yaxis=plot.log_axis(f"{item} per second", values, text.tick),
        )
    )
    title = text.operation(best.case.operation) + _suffix(best)
    return Plot(
        f"throughput-{_slug(best)}",
        title,
        f"Higher is faster; equal steps are equal factors. The fastest here: {plot.series(best.case)}, "
        f"{text.si(best.rate_per_s.median)} {item} a second in {text.batches(best.case.batch)}."
        + (_peers_reading(others) if peers else ""),
        figure,
        _table(title, rows),
    )


def _peers_reading(others: Iterable[tuple[str, dict[int, Spread]]]) -> str:
    reading = " Dashed lines are the fastest peers, level where they were measured at one batch size."
    slower = [f"{peer} ({text.si(max(rate.median for rate in rates.values()))})" for peer, rates in others]
    return reading + (f" Slower and not drawn: {', '.join(slower)}." if slower else "")


def _add_peer(figure: go.Figure, peer: str, rates: dict[int, Spread], dash: str, width: tuple[int, int]) -> None:
    """A dashed line through a peer's rates; a level one where there is one alone."""
    points = list(rates.items())
    if len(points) == 1:
        points = [(width[0], points[0][1]), (width[1], points[0][1])]
    where = ", ".join(f"{batch:,}" for batch in rates)
    figure.add_scatter(
        x=[batch for batch, _ in points],
        y=[rate.median for _, rate in points],
        customdata=[f"{text.si(rate.median)} ({text.spread(rate)}), measured at {where}" for _, rate in points],
        hovertemplate="%{customdata}<extra>" + plot.name(peer) + "</extra>",
        name=plot.name(peer),
        mode="lines",
        line={"color": plot.GREY, "width": 2, "dash": dash},
    )


def _over_length(rows: Sequence[Throughput], colours: Mapping[str, str]) -> list[Plot]:
    """Bytes per second over the message length, at the largest batch that all lengths have; nothing for one length."""
    by_length: dict[int, set[int]] = defaultdict(set)
    for row in rows:
        if row.case.message_length:
            by_length[row.case.message_length].add(row.case.batch)
    common = set.intersection(*by_length.values()) if by_length else set()
    if len(by_length) < 2 or not common:
        return []
    batch = max(common)
    shown = [row for row in rows if row.case.batch == batch and row.case.message_length]
    figure = go.Figure()
    for label, line in _lines(shown):
        lengths = [row.case.message_length or 0 for row in line]
        figure.add_scatter(
            x=lengths,
            y=[row.rate_per_s.median * length for row, length in zip(line, lengths, strict=True)],
            error_y=plot.errors([_bytes_per_s(row) for row in line]),
            customdata=[f"{text.si(_bytes_per_s(row).median)}B/s" for row in line],
            hovertemplate="%{x:,} bytes: %{customdata}<extra>" + plot.name(label) + "</extra>",
            name=plot.name(label),
            mode="lines+markers",
            line={"color": colours[line[0].case.kernel], "width": 2},
            marker={"symbol": plot.SYMBOLS[line[0].case.keys], "size": 8},
        )
    best = max(shown, key=lambda row: _bytes_per_s(row).median)
    lengths = sorted(by_length)
    figure.update_layout(
        plot.layout(
            380,
            xaxis=plot.axis(
                "message length (bytes)", type="log", tickvals=lengths, ticktext=[f"{length:,}" for length in lengths]
            ),
            yaxis=plot.log_axis(
                "bytes per second", [_bytes_per_s(row).median for row in shown], lambda value: text.tick(value) + "B/s"
            ),
        )
    )
    title = f"{text.operation(best.case.operation)} over message length, {text.batches(batch)}" + _threads(best)
    return [
        Plot(
            f"length-{_slug(best)}",
            title,
            f"Higher is faster. Longer messages spend less on what each message costs by itself. The most here: "
            f"{best.case.kernel}, {text.si(_bytes_per_s(best).median)}B/s at {best.case.message_length:,} bytes.",
            figure,
            _table(title, shown),
        )
    ]


def _bytes_per_s(row: Throughput) -> Spread:
    return Spread.of([value * (row.case.message_length or 0) for value in row.rate_per_s.rounds])


def _threads(row: Throughput) -> str:
    return f", {row.case.threads} threads" if row.case.threads > 1 else ""


def _suffix(row: Throughput) -> str:
    length = "" if row.case.message_length is None else f" of {row.case.message_length:,} bytes"
    return length + _threads(row)


def _slug(row: Throughput) -> str:
    return f"{row.case.operation}-{row.case.threads}".replace(".", "-").replace("_", "-")


def _table(caption: str, rows: Iterable[Throughput]) -> Table:
    return Table(
        caption,
        (
            "kernel",
            "keys",
            "message bytes",
            "batch",
            "per second",
            "lowest to highest round",
            "cycles per item",
            "clock",
        ),
        tuple(
            (
                row.case.kernel,
                row.case.keys or "–",
                "–" if row.case.message_length is None else f"{row.case.message_length:,}",
                f"{row.case.batch:,}",
                text.si(row.rate_per_s.median),
                text.spread(row.rate_per_s),
                "–" if row.cycles_per_item is None else text.digits(row.cycles_per_item),
                CLOCKS[row.clock],
            )
            for row in rows
        ),
        words=2,
    )


def scaling(report: Report) -> Section:
    """Efficiency over threads, with the ideal line; nothing where only one number of threads was measured."""
    measured = sorted((row for row in report.scaling if len(row.points) > 1), key=lambda row: plot.sort_key(row.case))
    return Section(
        "scaling",
        "Scaling over threads",
        "One process spreads a batch over threads. On two threads twice the rate of one would be ideal.",
        (_efficiency(measured),) if measured else (),
        "Only one number of threads was measured in this run.",
    )


def _efficiency(rows: Sequence[Scaling]) -> Plot:
    most = max(point.threads for row in rows for point in row.points)
    figure = go.Figure()
    figure.add_scatter(
        x=[1, most],
        y=[100, 100],
        name="ideal",
        mode="lines",
        hoverinfo="skip",
        line={"color": plot.GREY, "dash": "dash", "width": 2},
    )
    titles = plot.main_titles(row.case for row in rows)
    for i, row in enumerate(row for row in rows if row.case.title in titles):
        label = plot.name(f"{row.case.title} ({row.case.kernel})")
        figure.add_scatter(
            x=[point.threads for point in row.points],
            y=[point.efficiency.median * 100 for point in row.points],
            error_y=plot.errors([point.efficiency for point in row.points], scale=100),
            customdata=[f"{point.efficiency.median * point.threads:.2f}" for point in row.points],
            hovertemplate="%{x} threads: %{customdata} times one, %{y:.0f} % of the ideal<extra>" + label + "</extra>",
            name=label,
            mode="lines+markers",
            line={"color": plot.PALETTE[i % len(plot.PALETTE)], "width": 2},
            marker={"symbol": plot.SYMBOLS[row.case.keys], "size": 8},
        )
    counts = sorted({point.threads for row in rows for point in row.points})
    highest = max(100.0, *(point.efficiency.median * 100 for row in rows for point in row.points))
    figure.update_layout(
        plot.layout(
            430,
            xaxis=plot.axis("threads", tickmode="array", tickvals=counts),
            yaxis=plot.axis("share of the ideal rate (%)", range=[0, highest * 1.08]),  # noise may reach beyond
        )
    )
    worst, point = min(((row, row.points[-1]) for row in rows), key=lambda item: item[1].efficiency.median)
    title = "Share of the ideal rate"
    return Plot(
        "scaling-efficiency",
        title,
        f"The dashed line is ideal; what a line loses below it went into sharing memory, caches and work. On "
        f"{text.threads(most)} {worst.case.title} loses most: {text.percent(point.efficiency.median)} are left, "
        f"{point.efficiency.median * point.threads:.2f} times the rate of one thread.",
        figure,
        _scaling_table(title, rows),
    )


def _scaling_table(title: str, rows: Sequence[Scaling]) -> Table:
    return Table(
        title,
        ("case", "kernel", "batch", "threads", "per second", "of the ideal", "lowest to highest round"),
        tuple(
            (
                row.case.title,
                row.case.kernel,
                f"{row.case.batch:,}",
                str(point.threads),
                text.si(point.rate_per_s.median),
                text.percent(point.efficiency.median),
                f"{text.percent(point.efficiency.low)} to {text.percent(point.efficiency.high)}",
            )
            for row in rows
            for point in row.points
        ),
        words=2,
    )
