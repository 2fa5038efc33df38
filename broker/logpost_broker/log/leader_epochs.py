"""Which leader epoch each part of a log was written in (KIP-101): an epoch begins at an offset and ends where the next
begins. A consumer whose records an unclean end took away finds that out by it (KIP-320).

`leader-epoch-checkpoint`, in Kafka's format, is a version, a count, and a line of epoch and start offset each. It says
nothing that the batches do not say: what is lost of it is read from them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

CHECKPOINT = "leader-epoch-checkpoint"
VERSION = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStart:
    epoch: int
    start_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnd:
    """The offset after the last of an epoch."""

    epoch: int
    end_offset: int


class LeaderEpochs:
    """Epochs and their start offsets, both ascending."""

    def __init__(self) -> None:
        self.starts: list[EpochStart] = []

    @classmethod
    def parsed(cls, data: bytes) -> LeaderEpochs:
        """Of a checkpoint file. Raises ValueError."""
        epochs = cls()
        try:
            version, count, *lines = data.decode().splitlines()
            for line in lines:
                epoch, start_offset = map(int, line.split())
                epochs.assign(epoch, start_offset)
            is_whole = version == VERSION and int(count) == len(lines) == len(epochs.starts)
        except ValueError as error:
            raise ValueError("its lines are no version, count and starts of epochs") from error
        if not is_whole:
            raise ValueError("its version, its count or an epoch is wrong")
        return epochs

    def formatted(self) -> bytes:
        lines = [f"{start.epoch} {start.start_offset}" for start in self.starts]
        return "\n".join([VERSION, str(len(lines)), *lines, ""]).encode()

    def assign(self, epoch: int, start_offset: int) -> None:
        """`epoch` is that of the log from `start_offset` on; no news where it, or a later one, is known already. Epochs
        without an offset of their own are forgotten."""
        if epoch < 0 or (self.starts and epoch <= self.starts[-1].epoch):
            return
        self.truncate_end(start_offset)
        self.starts.append(EpochStart(epoch=epoch, start_offset=start_offset))

    def truncate_end(self, end_offset: int) -> None:
        """The log ends before `end_offset`."""
        while self.starts and self.starts[-1].start_offset >= end_offset:
            self.starts.pop()

    def truncate_start(self, start_offset: int) -> None:
        """The log begins at `start_offset`, which is where its first epoch then begins."""
        number = self._number_at(start_offset)
        if number > 0 or (number == 0 and self.starts[0].start_offset < start_offset):
            first = EpochStart(epoch=self.starts[number].epoch, start_offset=start_offset)
            self.starts[: number + 1] = [first]

    def epoch_at(self, offset: int) -> int | None:
        """The epoch that `offset` is of."""
        number = self._number_at(offset)
        return None if number < 0 else self.starts[number].epoch

    def end_of(self, epoch: int, next_offset: int) -> EpochEnd | None:
        """Where `epoch` ends in a log that ends before `next_offset`; of one that is not there, the one before it. None
        for an epoch of the future."""
        if epoch < 0 or not self.starts or epoch > self.starts[-1].epoch:
            return None
        if epoch == self.starts[-1].epoch:
            return EpochEnd(epoch=epoch, end_offset=next_offset)
        number = bisect_right(self.starts, epoch, key=lambda start: start.epoch)
        known = self.starts[number - 1].epoch if number else epoch
        return EpochEnd(epoch=known, end_offset=self.starts[number].start_offset)

    def _number_at(self, offset: int) -> int:
        """Of the epoch that holds `offset`; -1 before the first."""
        return bisect_right(self.starts, offset, key=lambda start: start.start_offset) - 1
