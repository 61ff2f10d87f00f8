"""Messages that come before their height has begun, within limits."""

from __future__ import annotations

from accel.consensus.messages import Certificate, Decision, Proposal, Vote

__all__ = ["FutureMessages"]


class FutureMessages:
    """Keeps, for each sender, a few messages of the next height and a few decisions of later ones, unchecked.

    Args:
        messages: How many for each sender, decisions apart.
        decisions: How many decisions for each sender, and how many heights ahead.
        block_bytes: Bytes of blocks for each sender; one block is kept whatever its size.
    """

    __slots__ = ("_block_bytes", "_decisions", "_kept", "_messages")

    def __init__(self, messages: int, decisions: int, block_bytes: int) -> None:
        self._messages = messages
        self._decisions = decisions
        self._block_bytes = block_bytes
        self._kept: dict[int, list[Proposal | Vote | Decision]] = {}

    def add(self, sender: int, message: Proposal | Vote | Decision | Certificate, ahead: int) -> str:
        """Keep a message of the height that is `ahead` of the current one, or return why it is dropped."""
        if isinstance(message, Certificate):
            return "future_height"
        if not isinstance(message, Vote) and len(message.block) > self._block_bytes:
            return "malformed"
        is_decision = isinstance(message, Decision)
        if ahead > (self._decisions if is_decision else 1):
            return "future_height"
        kept = self._kept.setdefault(sender, [])
        alike = [other for other in kept if isinstance(other, Decision) == is_decision]
        if len(alike) >= (self._decisions if is_decision else self._messages) or message in alike:
            return "future_height"
        if not isinstance(message, Vote):
            held = sum(len(other.block) for other in kept if not isinstance(other, Vote))
            if held and held + len(message.block) > self._block_bytes:
                return "future_height"
        kept.append(message)
        return ""

    def take(self, height: int) -> list[tuple[int, Proposal | Vote | Decision]]:
        """Return and forget what was kept for a height, in the order it came for each sender; forget lower ones."""
        taken: list[tuple[int, Proposal | Vote | Decision]] = []
        for sender in sorted(self._kept):
            kept = self._kept.pop(sender)
            taken += [(sender, message) for message in kept if message.height == height]
            later = [message for message in kept if message.height > height]
            if later:
                self._kept[sender] = later
        return taken

    def __len__(self) -> int:
        """Return the number of messages kept."""
        return sum(map(len, self._kept.values()))
