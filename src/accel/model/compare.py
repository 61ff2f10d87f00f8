"""Two runs of the model beside each other."""

from __future__ import annotations

from dataclasses import dataclass

from accel.model.files import Stored


@dataclass(frozen=True, slots=True)
class Difference:
    """A statistic that two runs do not have the same value of.

    Attributes:
        name: the statistic, or ``configuration`` and a field.
        unit: its unit; empty for a field of the configuration.
        old: value in the first run; None: it has none.
        new: value in the second.
    """

    name: str
    unit: str
    old: int | str | None
    new: int | str | None

    @property
    def ratio(self) -> float | None:
        """New by old; None where one is missing, no number, or old is 0."""
        if not isinstance(self.old, int) or not isinstance(self.new, int) or self.old == 0:
            return None
        return self.new / self.old


def compare(old: Stored, new: Stored) -> list[Difference]:
    """Everything in which two runs differ: workload, configuration, bottleneck, statistics.

    Args:
        old: the first run.
        new: the second run.
    """
    found = [
        Difference(f"{part}.{name}", "", a.get(name), b.get(name))
        for part, a, b in (
            ("workload", old.workload, new.workload),
            ("configuration", old.configuration, new.configuration),
        )
        for name in [*a, *(name for name in b if name not in a)]
        if a.get(name) != b.get(name)
    ]
    if old.bottleneck != new.bottleneck:
        found.append(Difference("bottleneck", "", old.bottleneck, new.bottleneck))
    names = [*old.statistics, *(name for name in new.statistics if name not in old.statistics)]
    for name in names:
        a, b = old.statistics.get(name), new.statistics.get(name)
        if a is None or b is None or a.value != b.value:
            unit = next(it.unit for it in (a, b) if it is not None)
            values = [None if it is None else it.value for it in (a, b)]
            found.append(Difference(name, unit, *values))
    return found
