"""Reading tracks at the windows of genes; what a file came to is remembered by its content."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seq2exp.datasets.adding.scale import Distribution, over_windows
from seq2exp.datasets.adding.windows import GeneSet
from seq2exp.datasets.catalog import Dataset, file_digest
from seq2exp.datasets.released import ContactProfiles
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.tracks.contact import ContactMap, power_law_profile
from seq2exp.tracks.signal import Signal

#: Windows at which contact maps are read.
CONTACT_WINDOWS = 20

Read = Callable[[Gene, Interval], NDArray[np.floating]]

# Somebody who mends one file of six checks all of them again.
_REMEMBERED = 48
_kept: OrderedDict[Hashable, Distribution] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads tracks at the windows of genes; `step` is called after each and may raise to stop."""

    dataset: Dataset
    genes: GeneSet
    step: Callable[[], object]

    def signal(self, label: str, signal: Signal) -> Distribution:
        """Return a signal's distribution; it is 0 on chromosomes that its file lacks."""

        def read(gene: Gene, interval: Interval) -> NDArray[np.floating]:
            if resolve_chrom(interval.chrom, signal.lengths) is None:
                return np.zeros(interval.width)
            return signal.values(interval)

        return self._over(label, read, _content(signal.path))

    def contact(self, label: str, source: ContactMap | ContactProfiles | None) -> Distribution:
        """Return the distribution of contact with the TSS; without a map, of the power law."""

        def read(gene: Gene, interval: Interval) -> NDArray[np.floating]:
            if source is None:
                length = self.dataset.lengths[interval.chrom]
                return power_law_profile(gene.tss, interval, length)
            if resolve_chrom(interval.chrom, source.lengths) is None:
                return np.zeros(interval.width)
            return source.profile(interval.chrom, gene.tss, interval)

        if source is None:
            return self._over(label, read, "power law")
        return self._over(label, read, (_content(source.path), source.source))

    @property
    def fewer(self) -> "Reader":
        """The same with windows on the shortest chromosomes alone, at least `CONTACT_WINDOWS`.

        The normalisation of a map may have to be computed, for a whole chromosome at a time.
        """
        by_chrom: dict[str, list[tuple[Gene, Interval]]] = {}
        for gene, interval in self.genes.windows:
            by_chrom.setdefault(interval.chrom, []).append((gene, interval))
        few: list[tuple[Gene, Interval]] = []
        for chrom in sorted(by_chrom, key=lambda name: self.dataset.lengths[name]):
            if len(few) < CONTACT_WINDOWS:
                few += by_chrom[chrom]
        return replace(self, genes=replace(self.genes, windows=tuple(few)))

    def _over(self, label: str, read: Read, content: Hashable) -> Distribution:
        windows = self.genes.windows
        key = (content, tuple((gene.tss, interval) for gene, interval in windows))
        with _lock:
            found = _kept.get(key)
        if found is None:
            found = over_windows(label, read, windows, self.step)
            with _lock:
                _kept[key] = found
                while len(_kept) > _REMEMBERED:
                    _kept.popitem(last=False)
        else:
            for _ in windows:
                self.step()
        return replace(found, label=label)


def _content(path: Path) -> Hashable:
    """Return what a file is known by; a folder by its path and time."""
    return (str(path), path.stat().st_mtime_ns) if path.is_dir() else file_digest(path)
