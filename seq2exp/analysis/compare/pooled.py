"""The comparison over genes: totals with intervals, tables for pages and files, sentences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd

from seq2exp.analysis.compare.counts import Counts, pool
from seq2exp.analysis.compare.gene import PARTS, Comparer, GeneComparison
from seq2exp.analysis.compare.genomic import CLASSES
from seq2exp.analysis.compare.rows import class_table, genomic_table
from seq2exp.analysis.compare.shuffles import Enrichment, enrichments
from seq2exp.analysis.compare.spans import bp
from seq2exp.analysis.compare.sweeps import curve
from seq2exp.analysis.compare.upset import pool_combinations
from seq2exp.analysis.elements import flatten
from seq2exp.analysis.evaluate.metrics import Estimate, estimate, gene_weights, share
from seq2exp.genome.annotation import Gene

#: Resamples of genes for the intervals of totals.
REPLICATES = 1_000


@dataclass(frozen=True, eq=False)
class Comparison:
    """The comparison of one gene or more.

    Totals are sums over the genes' windows: where windows overlap, a base or an interval counts
    once for each gene.

    Attributes
    ----------
    comparer
        Its settings say how everything was counted.
    found
        One comparison a gene, at least one.
    left_out
        Genes that could not be compared, and why.
    """

    comparer: Comparer
    found: Sequence[GeneComparison]
    left_out: Sequence[tuple[Gene, str]] = ()

    @cached_property
    def counts(self) -> Counts:
        """Learned elements (a) beside peaks (b), added up over the genes."""
        return pool(one.counts for one in self.found)

    @cached_property
    def distinct_bp(self) -> int:
        """Bases on chromosomes that lie in some gene's window, each once."""
        by_chrom: dict[str, list[tuple[int, int]]] = {}
        for one in self.found:
            place = one.interval
            by_chrom.setdefault(place.chrom, []).append((place.start, place.end))
        return sum(bp(flatten(np.array(spans, np.int64))) for spans in by_chrom.values())

    @cached_property
    def intervals(self) -> dict[str, Estimate]:
        """Jaccard, precision and recall over all genes with 95 % intervals.

        One gene has no interval. The interval is that of drawing the genes again (`REPLICATES`
        times); genes whose windows overlap are not independent, so for many neighbouring genes it
        is too narrow.
        """
        counts = [one.counts for one in self.found]
        replicates = REPLICATES if len(counts) > 1 else 0
        weights = gene_weights(len(counts), replicates, self.comparer.settings.seed)
        shared = [one.bp_shared for one in counts]
        of = {
            "jaccard": [one.bp_union for one in counts],
            "precision": [one.bp_a for one in counts],
            "recall": [one.bp_b for one in counts],
        }
        return {name: estimate(share(shared, whole, weights)) for name, whole in of.items()}

    @cached_property
    def genes(self) -> pd.DataFrame:
        """One row a gene.

        gene, gene_id, cell; chrom, start, end (window on the chromosome, 0-based half-open);
        mask_ratio, peaks_ratio_window (shares of the whole window, promoter and padding included);
        and all of `Counts.values`, in which ratios are shares of the counted bases.
        """
        return pd.DataFrame(
            [
                {
                    "gene": one.gene.name,
                    "gene_id": one.gene.id,
                    "cell": one.cell,
                    "chrom": one.interval.chrom,
                    "start": one.interval.start,
                    "end": one.interval.end,
                    "mask_ratio": one.mask_ratio,
                    "peaks_ratio_window": one.peaks_ratio,
                    **one.counts.values(),
                }
                for one in self.found
            ]
        )

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Every learned element and peak of every gene, see `describe_rows`."""
        return pd.concat([one.rows for one in self.found], ignore_index=True)

    @cached_property
    def classes(self) -> pd.DataFrame:
        """Distance, width and signals of each class, see `class_table`."""
        return class_table(self.rows)

    @cached_property
    def genomic(self) -> pd.DataFrame:
        """Intervals by genomic class, see `genomic_table`."""
        return genomic_table(self.rows)

    @cached_property
    def composition(self) -> pd.DataFrame:
        """Counted bases by genomic class.

        part ("shared", "learned-only", "peak-only", "neither"), genomic, bp, of (bp of the part),
        share (bp / of; NaN where there are none). The parts add up to the counted bases.
        """
        total = np.sum([one.composition for one in self.found], axis=0)
        rows = []
        for part, values in zip(PARTS, total.tolist(), strict=True):
            of = sum(values)
            for genomic, found in zip(CLASSES, values, strict=True):
                of_part = found / of if of else np.nan
                head = {"part": part, "genomic": genomic}
                rows.append({**head, "bp": found, "of": of, "share": of_part})
        return pd.DataFrame(rows)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Every pair of sets: set_a, set_b, genes, and `Counts.values` of "a" and "b"."""
        rows = []
        for a, b in self.found[0].pairs:
            total = pool(one.pairs[a, b] for one in self.found)
            head = {"set_a": a, "set_b": b, "genes": total.genes}
            rows.append({**head, **total.values("a", "b")})
        return pd.DataFrame(rows)

    @cached_property
    def combinations(self) -> pd.DataFrame:
        """Combinations of sets, see `pool_combinations`."""
        return pool_combinations(one.combinations for one in self.found)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The sweeps one below the other, see `curve`; no rows without a sweep."""
        rules, series = self.comparer.settings.rules, self.comparer.series
        parts = []
        if rules is not None:
            counts = [one.by_rule for one in self.found]
            parts.append(curve(rules.parameter, rules.values, counts))
        if series is not None:
            counts = [one.by_peaks for one in self.found]
            parts.append(curve(series.parameter, series.values, counts))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    @cached_property
    def enrichments(self) -> list[Enrichment]:
        """How much more sets share than shuffles; empty without."""
        within = self.comparer.settings.within
        return [
            row
            for a, b in self.found[0].shuffled
            for row in enrichments(
                a, b, within, reduce(add, (one.shuffled[a, b] for one in self.found))
            )
        ]

    @property
    def enrichment(self) -> pd.DataFrame:
        """`enrichments` as a table."""
        return pd.DataFrame([one.values() for one in self.enrichments])

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables that have rows, by name."""
        names = (
            *("genes", "rows", "classes", "genomic", "composition"),
            *("pairs", "combinations", "curves", "enrichment"),
        )
        return {name: table for name in names if len(table := getattr(self, name))}

    def sentences(self) -> list[str]:
        """Say the totals in words, with unit, denominator and smallest overlap."""
        said = list(self.counts.sentences())
        mask, peaks = (self.genes[name].mean() for name in ("mask_ratio", "peaks_ratio_window"))
        mean = "mean over genes, " if len(self.found) > 1 else ""
        said.append(
            f"mask ratio {mask:.3g} beside peak ratio {peaks:.3g} ({mean}of the whole windows, "
            "promoter and padding included)"
        )
        said += [
            f"{name} {one.value:.3g} ({one.low:.3g} to {one.high:.3g}, 95 % over genes)"
            for name, one in self.intervals.items()
            if one.value is not None and one.low is not None
        ]
        said += [row.sentence() for row in self.enrichments]
        return [*said, self.counted()]

    def counted(self) -> str:
        """Say which bases were counted."""
        kept = self.comparer.settings.keep_promoter
        promoter = (
            "promoters (TSS ± 1 kb) counted too"
            if kept
            else ("promoters (TSS ± 1 kb, forced open) left out of all sets")
        )
        genes = len(self.found)
        if genes == 1:
            return f"counted are {self.counts.bp_counted:,} bp of one window, {promoter}"
        return (
            f"counted are {self.counts.bp_counted:,} bp of {genes:,} windows, {promoter}; where "
            f"windows overlap, a base or interval counts once for each gene (the windows hold "
            f"{self.distinct_bp:,} different bp)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; numbers that are not defined are None."""
        totals = {
            **self.counts.values(),
            "mask_ratio": float(self.genes["mask_ratio"].mean()),
            "peaks_ratio_window": float(self.genes["peaks_ratio_window"].mean()),
        }
        return {
            "genes_compared": len(self.found),
            "promoter": "counted" if self.comparer.settings.keep_promoter else "left out",
            "windows_distinct_bp": self.distinct_bp,
            "totals": _plain(totals),
            "intervals": {name: _plain(one._asdict()) for name, one in self.intervals.items()},
            **{
                name: [_plain(row) for row in table.to_dict("records")]
                for name, table in self.tables().items()
            },
            "sentences": self.sentences(),
            "left_out": [{"gene": gene.name, "why": why} for gene, why in self.left_out],
        }


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row with Python's own numbers, None for what is missing."""
    return {str(key): _value(value) for key, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
