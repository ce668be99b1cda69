"""Where bases lie among genes: promoter, exon, intron or intergenic, in this priority.

- **promoter**: TSS ± 1 kb, [TSS - 1000, TSS + 1000), of any transcript of any annotated gene, or of
  the TSS that the data set's expression table gives a gene.
- **exon**: an exon of any transcript, coding or not, that is no promoter.
- **intron**: within a transcript, but neither.
- **intergenic**: everything else.
"""

from collections import defaultdict
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seq2exp.analysis.compare.spans import EMPTY, Spans, bp, intersect, subtract
from seq2exp.analysis.elements import covered, flatten
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import resolve_chrom
from seq2exp.genome.window import PROMOTER

CLASSES = ("promoter", "exon", "intron", "intergenic")


class GenomicClasses:
    """The genomic class of every base of a data set's genome; chromosomes are read at first use."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._spans: dict[str, tuple[Spans, ...]] = {}

    @cached_property
    def _genes(self) -> dict[str, list[Gene]]:
        by_chrom: dict[str, list[Gene]] = defaultdict(list)
        names: dict[str, str | None] = {}
        for gene in self._dataset.annotation.genes.values():
            if gene.chrom not in names:
                names[gene.chrom] = resolve_chrom(gene.chrom, self._dataset.lengths)
            by_chrom[names[gene.chrom] or ""].append(gene)
        return by_chrom

    def spans(self, chrom: str) -> tuple[Spans, ...]:
        """Return the spans of promoters, exons and introns of a chromosome; no base is in two."""
        if chrom not in self._spans:
            self._spans[chrom] = self._read(chrom)
        return self._spans[chrom]

    def _read(self, chrom: str) -> tuple[Spans, ...]:
        starts: list[int] = []
        exons: list[tuple[int, int]] = []
        bodies: list[tuple[int, int]] = []
        for gene in self._genes.get(chrom, []):
            starts.append(self._dataset.gene(gene.id).tss)
            for transcript in gene.transcripts:
                first, last = transcript.start, transcript.end - 1
                starts.append(first if gene.strand == "+" else last)
                exons += transcript.exons
                bodies.append((transcript.start, transcript.end))
        half = PROMOTER // 2
        around = np.array([[max(tss - half, 0), tss + half] for tss in starts], np.int64)
        promoter, exon, body = (
            flatten(np.array(spans, np.int64)) if len(spans) else EMPTY
            for spans in (around, exons, bodies)
        )
        exon, body = subtract(exon, promoter), subtract(body, promoter)
        return promoter, exon, subtract(body, exon)

    def composition(self, chrom: str, spans: Spans) -> NDArray[np.int64]:
        """Return how many bases of `spans` are of each of the `CLASSES`, int64 [4]."""
        known = [bp(intersect(spans, of_class)) for of_class in self.spans(chrom)]
        return np.array([*known, bp(spans) - sum(known)], np.int64)

    def of(self, chrom: str, rows: Spans, counted: Spans) -> list[str]:
        """Return the first of the `CLASSES` that an interval has at least 1 counted base in.

        Parameters
        ----------
        chrom, rows
            Intervals, [n, 2] on one chromosome.
        counted
            The bases that count.
        """
        inside = [
            covered(intersect(of_class, counted), rows[:, 0], rows[:, 1]) > 0
            for of_class in self.spans(chrom)
        ]
        # Where an interval is of no class, the last column is the first True.
        first = np.argmax([*inside, np.ones(len(rows), dtype=bool)], axis=0)
        return [CLASSES[i] for i in first]
