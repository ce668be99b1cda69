"""The comparison of one gene: its learned elements beside peaks and other sets."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations as pairs_of

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.analysis.answer import find_elements
from seq2exp.analysis.compare.counts import Counts, count
from seq2exp.analysis.compare.genomic import GenomicClasses
from seq2exp.analysis.compare.rows import describe_rows
from seq2exp.analysis.compare.sets import LEARNED, PEAKS, IntervalSet, ends_of
from seq2exp.analysis.compare.settings import Settings
from seq2exp.analysis.compare.shuffles import Shuffled, places, shuffle
from seq2exp.analysis.compare.spans import (
    Spans,
    counted_bases,
    intersect,
    on_chromosome,
    promoter_of,
    subtract,
)
from seq2exp.analysis.compare.sweeps import PeakSeries
from seq2exp.analysis.compare.upset import MOST, combinations
from seq2exp.analysis.elements import elements_frame, flatten, peaks_ratio, runs
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import PADDING_CODE, Window
from seq2exp.inference.predictor import MaskRule
from seq2exp.model.beta import MaskPosterior

Pair = tuple[str, str]

#: Names that no further set can have: columns of the results have them.
TAKEN = (LEARNED, PEAKS, "regions", "bp", "combination")

#: The rows of `GeneComparison.composition`.
PARTS = ("shared", "learned-only", "peak-only", "neither")


@dataclass(frozen=True, eq=False)
class GeneComparison:
    """What the comparison of one gene found.

    Attributes
    ----------
    gene, cell
        Of the window.
    interval
        The window without padding, 0-based half-open.
    counts
        Learned elements (a) beside peaks (b).
    mask_ratio
        Σ mask / L over the whole window, promoter and padding included, as the Browser shows it.
    peaks_ratio
        Share of the whole window under peaks, by the same denominator.
    rows
        See `seq2exp.analysis.compare.rows.describe_rows`.
    composition
        int64 [4, 4]: counted bases that are shared, learned-only, peak-only and in neither (rows)
        by genomic class (columns, `seq2exp.analysis.compare.genomic.CLASSES`).
    pairs
        Counts of every pair of sets, learned elements and peaks among them.
    combinations
        See `seq2exp.analysis.compare.upset.combinations`; of all sets.
    by_rule, by_peaks
        Counts at each value of the sweeps; empty without.
    shuffled
        By (thrown set, other set); empty without shuffles.
    """

    gene: Gene
    cell: str
    interval: Interval
    counts: Counts
    mask_ratio: float
    peaks_ratio: float
    rows: pd.DataFrame
    composition: NDArray[np.int64]
    pairs: dict[Pair, Counts]
    combinations: pd.DataFrame
    by_rule: tuple[Counts, ...]
    by_peaks: tuple[Counts, ...]
    shuffled: dict[Pair, Shuffled]


class Comparer:
    """Compares the learned elements of genes with peaks and other sets.

    Parameters
    ----------
    dataset
        Where windows come from.
    peaks
        The peaks of the cell type.
    rule
        How a mask becomes a choice of bases; one that the network can follow.
    settings
        See `Settings`.
    others
        Further sets, by names of their own.
    series
        The peaks at several q-values, for the sweep; None: no sweep.

    Raises
    ------
    InputError
        For two sets of one name, a name that is taken, or too many sets.
    """

    def __init__(
        self,
        dataset: Dataset,
        peaks: IntervalSet,
        rule: MaskRule,
        settings: Settings | None = None,
        others: Sequence[IntervalSet] = (),
        series: PeakSeries | None = None,
    ) -> None:
        self.dataset, self.peaks, self.rule = dataset, peaks, rule
        self.settings = settings or Settings()
        self.others, self.series = tuple(others), series
        names = [one.name for one in self.others]
        for name in names:
            if not name or name in TAKEN or names.count(name) > 1:
                raise InputError(
                    f"A set cannot be called '{name}'; give each a name of its own other than "
                    f"{', '.join(TAKEN)}."
                )
        if len(names) + 2 > MOST:
            raise InputError(f"{len(names)} more sets are too many; give at most {MOST - 2}.")
        self._genomic = GenomicClasses(dataset)
        self._everywhere: dict[str, Spans] = {}

    def compare(self, window: Window, posterior: MaskPosterior) -> GeneComparison:
        """Compare the learned elements of one gene.

        Parameters
        ----------
        window
            The gene's window in the cell type of the peaks.
        posterior
            What a network says of it, under the prior asked for.
        """
        settings, minimum = self.settings, self.settings.minimum
        interval = on_chromosome(window)
        counted = counted_bases(window, settings.keep_promoter)
        frames = {LEARNED: self._elements(window, posterior, self.rule)}
        frames[PEAKS] = self.peaks.near(interval, window.gene)
        for other in self.others:
            frames[other.name] = other.near(interval, window.gene)
        spans = {name: ends_of(frame) for name, frame in frames.items()}
        bases = {name: intersect(flatten(rows), counted) for name, rows in spans.items()}
        pairs = {(a, b): count(spans[a], spans[b], counted, minimum) for a, b in pairs_of(spans, 2)}
        mask = self.rule.mask(posterior)
        return GeneComparison(
            gene=window.gene,
            cell=window.cell,
            interval=interval,
            counts=pairs[LEARNED, PEAKS],
            mask_ratio=float(mask.mean(dtype=np.float64)),
            peaks_ratio=peaks_ratio(frames[PEAKS], window.interval),
            rows=describe_rows(
                window,
                posterior.edit(posterior.mean),
                {name: frames[name] for name in (LEARNED, PEAKS)},
                counted,
                minimum,
                self._genomic,
            ),
            composition=self._composition(window, bases[LEARNED], bases[PEAKS], counted),
            pairs=pairs,
            combinations=combinations(bases),
            by_rule=self._by_rule(window, posterior, spans[PEAKS], counted),
            by_peaks=self._by_peaks(window, spans[LEARNED], counted),
            shuffled=self._shuffled(window, spans, bases, counted),
        )

    def _elements(self, window: Window, posterior: MaskPosterior, rule: MaskRule) -> pd.DataFrame:
        settings = self.settings
        found = find_elements(
            window,
            posterior,
            rule,
            self.dataset.lengths,
            settings.min_length,
            settings.merge_gap,
            settings.keep_promoter,
        )
        return elements_frame(found)

    def _composition(
        self, window: Window, learned: Spans, peaks: Spans, counted: Spans
    ) -> NDArray[np.int64]:
        parts = (
            intersect(learned, peaks),
            subtract(learned, peaks),
            subtract(peaks, learned),
            subtract(subtract(counted, learned), peaks),
        )
        chrom = window.interval.chrom
        return np.stack([self._genomic.composition(chrom, part) for part in parts])

    def _by_rule(
        self, window: Window, posterior: MaskPosterior, peaks: Spans, counted: Spans
    ) -> tuple[Counts, ...]:
        if self.settings.rules is None:
            return ()
        found = (self._elements(window, posterior, rule) for rule in self.settings.rules.rules)
        return tuple(
            count(ends_of(frame), peaks, counted, self.settings.minimum) for frame in found
        )

    def _by_peaks(self, window: Window, learned: Spans, counted: Spans) -> tuple[Counts, ...]:
        if self.series is None:
            return ()
        found = (one.near(on_chromosome(window), window.gene) for one in self.series.sets)
        return tuple(
            count(learned, ends_of(frame), counted, self.settings.minimum) for frame in found
        )

    def _shuffled(
        self, window: Window, spans: dict[str, Spans], bases: dict[str, Spans], counted: Spans
    ) -> dict[Pair, Shuffled]:
        """Throw learned elements and peaks, and count what they share with every other set."""
        if not self.settings.shuffles:
            return {}
        allowed, everywhere = self._scope(window, bases)
        found = {}
        for a in (LEARNED, PEAKS):
            for b in spans:
                if b in (a, LEARNED):
                    continue
                # A stream of its own for each gene and pair, whatever else is compared.
                key = zlib.crc32(f"{window.gene.id}\t{window.cell}\t{a}\t{b}".encode())
                found[a, b] = shuffle(
                    spans[a],
                    bases[b],
                    counted,
                    everywhere[b],
                    allowed,
                    self.settings.minimum,
                    self.settings.shuffles,
                    np.random.default_rng([self.settings.seed, key]),
                )
        return found

    def _scope(self, window: Window, bases: dict[str, Spans]) -> tuple[Spans, dict[str, Spans]]:
        """Return where intervals may be thrown, and the bases of the sets there."""
        kept = self.settings.keep_promoter
        if self.settings.within == "window":
            free = ~window.blacklist & (window.codes != PADDING_CODE)
            allowed = window.interval.start + runs(free)
            return (allowed if kept else subtract(allowed, promoter_of(window))), bases
        chrom = window.interval.chrom
        whole = Interval(chrom, 0, self.dataset.lengths[chrom])
        if chrom not in self._everywhere:
            self._everywhere[chrom] = places(self.dataset, whole)
        counted = np.array([[whole.start, whole.end]], np.int64)
        allowed = self._everywhere[chrom]
        if not kept:
            counted = subtract(counted, promoter_of(window))
            allowed = subtract(allowed, promoter_of(window))
        sets = (self.peaks, *self.others)
        return allowed, {one.name: one.bases(whole, counted, window.gene) for one in sets}
