"""Who is timed against our layers: their own torch modules and other libraries, once checked."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from seq2exp.bench import peers
from seq2exp.bench.machine import longest_that_fits
from seq2exp.bench.measure import Contender, Progress, Timing, time_in_turns
from seq2exp.bench.report import Row
from seq2exp.bench.runs import Windows, random_windows
from seq2exp.model.scan import implementations
from seq2exp.model.seq2exp import Seq2Exp

PARTS = ("inference", "hard", "training", "memory", "length", "batch")
LENGTHS = (25_000, 50_000, 100_000, 200_000, 400_000)
BATCHES = (1, 2, 4, 8)
OURS = "seq2exp"
CHECKED = 2_000  # bases on which everyone must compute what ours does


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes
    ----------
    size
        Of the network, as `ModelConfig.soft` takes it.
    length, batch
        Bases in a window, and windows at once, of what is compared.
    repeats, slow_repeats
        Of ours, and of what takes many times as long.
    peers
        Whether other libraries are measured, too.
    device
        "cpu" or "cuda".
    lengths, batches
        Along which growth is measured.
    parts
        Of `PARTS`.
    """

    size: str = "paper"
    length: int = 200_000
    batch: int = 1
    repeats: int = 7
    slow_repeats: int = 3
    peers: bool = True
    device: str = "cpu"
    lengths: tuple[int, ...] = LENGTHS
    batches: tuple[int, ...] = BATCHES
    parts: tuple[str, ...] = PARTS


class Field:
    """Who is timed in doing what `ours` does, and who is not, and why."""

    def __init__(
        self,
        ours: Seq2Exp,
        options: Options,
        work: Callable[[Seq2Exp], Callable[[Windows], Tensor]],
    ) -> None:
        self._ours, self._options, self._work = ours, options, work
        self._windows = random_windows(options.length, options.batch, options.device)
        run = partial(work(peers.with_scan(ours, "auto")), self._windows)
        self.contenders = [Contender(OURS, run, options.repeats, device=options.device)]
        self.left_out: list[Row] = []

    def add_scans(self) -> None:
        """Let the torch modules take part, around every selective scan that runs here."""
        for scan, able in implementations().items():
            name = f"torch, {scan} scan"
            if able:
                self._add(name, partial(peers.with_scan, self._ours, scan))
            else:
                self.left_out.append(Row(name, note="cannot run here"))

    def add_peers(self, *, training: bool = False) -> None:
        """Let other libraries take part."""
        for peer in peers.PEERS.values():
            if training and not peer.trains:
                continue
            if missing := peer.missing(self._options.device):
                self.left_out.append(Row(peer.title, note=missing))
            else:
                make = partial(peers.with_peer, self._ours, peer)
                self._add(peer.title, make, partial(peer.memory, self._ours.config))

    def time(self, progress: Progress) -> dict[str, Timing]:
        """Time those who take part, in turns."""
        return time_in_turns(self.contenders, progress)

    def _add(
        self,
        name: str,
        make: Callable[[], Seq2Exp],
        memory: Callable[[int], float] = lambda length: 0.0,
    ) -> None:
        options = self._options
        try:
            other = make()
            apart = peers.difference(self._ours, other, CHECKED)
        except ValueError as error:  # a scan that does not run on this device
            self.left_out.append(Row(name, note=str(error)))
            return
        if not apart <= peers.TOLERANCE:  # a NaN is another result, too
            self.left_out.append(Row(name, note=f"not timed: it differs by {apart:.1g} from ours"))
            return
        length = longest_that_fits(
            lambda length: memory(length) * options.batch, options.length, options.device
        )
        windows, note = self._windows, ""
        if length < options.length:
            windows = random_windows(length, options.batch, options.device)
            note = (
                f"measured at {length:,} bp, for want of memory, and scaled to {options.length:,}"
            )
        work = self._work(other)
        short = random_windows(min(length, CHECKED), options.batch, options.device)
        self.contenders.append(
            Contender(
                name,
                partial(work, windows),
                options.slow_repeats,
                warm_up=partial(work, short),
                scale=options.length / length,
                device=options.device,
                note=note,
            )
        )
