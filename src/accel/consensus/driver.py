"""A core with its log and its signer: what must happen in one order, whatever runs around it.

`Driver.handle` gives an event to the core and carries out what it asks for. Records are written to the log and synced
before the core hears ``Durable``; only then does the core ask for signatures, and only with a signature does it send.
Everything else the core asks for (sending, timers, verification, the application) goes to the caller, in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from accel.consensus.actions import Action, Persist, Sign
from accel.consensus.config import CoreConfig
from accel.consensus.core import Core
from accel.consensus.disk import Disk
from accel.consensus.errors import MessageError
from accel.consensus.events import Durable, Event, Signed, SignRefused
from accel.consensus.lastsign import LastSign, Position
from accel.consensus.messages import sign_bytes
from accel.consensus.records import (
    DecisionRecord,
    EvidenceRecord,
    IntentRecord,
    Record,
    VoteRecord,
    decode_record,
    encode_record,
)
from accel.consensus.signer import LocalSigner, Signer, SigningKey, SigningRefused
from accel.consensus.validators import ValidatorSet
from accel.consensus.wal import LogDamaged, WriteAheadLog

__all__ = ["ENTRY_CORE", "Driver", "recover"]

#: The kind of the log's entries that are records of a core.
ENTRY_CORE: Final = 1


class Driver:
    """Runs one core over one log.

    Args:
        core: The core, not started.
        chain_id: What the core was configured with.
        log: Where its records go.
        signer: Who signs for it.
        perform: Called with every action but ``Persist`` and ``Sign``, in order. It must not call `handle`.

    Attributes:
        core: The core.
    """

    def __init__(
        self, core: Core, chain_id: bytes, log: WriteAheadLog, signer: Signer, perform: Callable[[Action], None]
    ) -> None:
        self.core = core
        self._chain_id = chain_id
        self._log = log
        self._signer = signer
        self._perform = perform
        self._heights: deque[tuple[int, int]] = deque()  # (height, number of its first entry), ascending

    def handle(self, event: Event) -> None:
        """Give the core `event`, and all that follows from it within this process.

        Raises:
            LogFailed: The disk failed: the process has to end.
        """
        waiting = deque((event,))
        while waiting:
            written, waited_for = 0, False
            for action in self.core.step(waiting.popleft()):
                if isinstance(action, Persist):
                    number = self._log.append(ENTRY_CORE, encode_record(action.record))
                    self.remember(record_height(action.record), number)
                    written = action.id
                    waited_for = waited_for or not isinstance(action.record, VoteRecord)
                elif isinstance(action, Sign):
                    waiting.append(self._sign(action))
                else:
                    self._perform(action)
            if waited_for:
                self._log.sync()
                waiting.append(Durable(written))

    def forget(self, height: int) -> None:
        """Let the log forget all heights up to and including `height`: the application has made them durable.

        Raises:
            LogFailed: The disk failed: the process has to end.
        """
        while self._heights and self._heights[0][0] <= height:
            self._heights.popleft()
        self._log.forget(self._heights[0][1] if self._heights else self._log.next_number)

    def remember(self, height: int, number: int) -> None:
        """Note that entry `number` of the log belongs to `height`."""
        if not self._heights or self._heights[-1][0] < height:
            self._heights.append((height, number))

    def _sign(self, action: Sign) -> Event:
        kind, height, round_, valid_round, block_id = action.intent
        message = sign_bytes(self._chain_id, kind, height, round_, valid_round, block_id)
        try:
            return Signed(action.id, self._signer.sign(Position(height, round_, kind), message, self._log.durable))
        except SigningRefused:
            return SignRefused(action.id)


def recover(
    disk: Disk,
    key: SigningKey,
    config: CoreConfig,
    height: int,
    validators: ValidatorSet,
    perform: Callable[[Action], None],
    *,
    log: WriteAheadLog | None = None,
    safe_height: int | None = None,
) -> Driver:
    """Make the driver of a validator from what its disk holds, be it nothing.

    Args:
        disk: Where log and last-sign state are.
        key: The validator's private key.
        config: The core's configuration; its ``sign_from`` is raised if the last-sign state is damaged.
        height: The first height that the application has not made durable.
        validators: The validator set of that height.
        perform: As `Driver` takes it.
        log: The log on `disk`, if the caller has opened it; left out: opened here.
        safe_height: As `accel.consensus.lastsign.LastSign` takes it.

    Raises:
        LogDamaged: What was durable is damaged or missing.
        LastSignDamaged: Both slots of the last-sign state are damaged.
        LogFailed: The disk failed.
    """
    log = WriteAheadLog(disk) if log is None else log
    numbered = [
        (entry.number, _decoded(entry.number, entry.payload)) for entry in log.recovered if entry.kind == ENTRY_CORE
    ]
    # An intent to sign is durable before its signature, and so is a decision: nothing later has been signed.
    under_way = max([height, *(record_height(record) + isinstance(record, DecisionRecord) for _, record in numbered)])
    last_sign = LastSign(disk, height=under_way, log_number=log.durable, safe_height=safe_height)
    config = config._replace(sign_from=max(config.sign_from, last_sign.sign_from))
    core = Core(config, height, validators, [record for _, record in numbered])
    driver = Driver(core, config.chain_id, log, LocalSigner(key, last_sign), perform)
    for number, record in numbered:
        driver.remember(record_height(record), number)
    return driver


def _decoded(number: int, payload: bytes) -> Record:
    try:
        return decode_record(payload)
    except MessageError as error:
        raise LogDamaged(f"entry {number} of the log is no record: {error}") from error


def record_height(record: Record) -> int:
    """The height that a record belongs to."""
    if isinstance(record, IntentRecord):
        return record.intent.height
    if isinstance(record, EvidenceRecord):
        return record.evidence.height
    if isinstance(record, VoteRecord):
        return record.vote.height
    return record.certificate.height
