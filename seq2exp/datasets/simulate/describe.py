"""Texts of the simulated data set: genes as GTF, the truth as table and BED, the catalogue."""

from collections.abc import Iterator

import pandas as pd
import yaml

from seq2exp.datasets.simulate.chromosome import Chromosome
from seq2exp.datasets.simulate.labels import FEATURES
from seq2exp.datasets.simulate.plan import ASSEMBLY, BIN, CELLS, GENERATOR
from seq2exp.genome.annotation import Gene, Transcript

_COLOURS = {
    "causal_enhancer": "0,158,115",
    "promoter": "77,77,77",
    "unlinked_enhancer": "240,228,66",
    "broken_motif": "213,94,0",
    "ctcf": "86,180,233",
    "silenced_enhancer": "153,153,153",
}


def gtf_lines(gene: Gene) -> str:
    """Write one gene as GTF: gene, then each transcript with exons and CDS."""
    name = f'gene_id "{gene.id}.1"; gene_name "{gene.name}"; gene_type "{gene.biotype}";'
    lines = [_gtf(gene, "gene", gene.start, gene.end, ".", name)]
    for transcript in gene.transcripts:
        kind = gene.biotype if transcript.cds or gene.biotype == "lncRNA" else "retained_intron"
        attributes = (
            f'{name} transcript_id "{transcript.id}"; transcript_type "{kind}"; tag "basic";'
        )
        if transcript.canonical:
            attributes += ' tag "Ensembl_canonical";'
            if transcript.cds:
                attributes += ' tag "MANE_Select";'
        lines.append(_gtf(gene, "transcript", transcript.start, transcript.end, ".", attributes))
        exons = transcript.exons if gene.strand == "+" else transcript.exons[::-1]
        for number, (start, end) in enumerate(exons, start=1):
            lines.append(_gtf(gene, "exon", start, end, ".", f"{attributes} exon_number {number};"))
        lines += _cds_lines(gene, transcript, exons, attributes)
    return "".join(lines)


def _cds_lines(
    gene: Gene, transcript: Transcript, exons: tuple[tuple[int, int], ...], attributes: str
) -> Iterator[str]:
    if transcript.cds is None:
        return
    low, high = transcript.cds
    coded = 0
    for number, (start, end) in enumerate(exons, start=1):
        a, b = max(start, low), min(end, high)
        if a < b:
            frame = str(-coded % 3)
            yield _gtf(gene, "CDS", a, b, frame, f"{attributes} exon_number {number};")
            coded += b - a


def _gtf(gene: Gene, feature: str, start: int, end: int, frame: str, attributes: str) -> str:
    place = f"{gene.chrom}\tseq2exp_demo\t{feature}\t{start + 1}\t{end}"
    return f"{place}\t.\t{gene.strand}\t{frame}\t{attributes}\n"


def elements_table(chromosome: Chromosome) -> pd.DataFrame:
    """Truth: every planted element with its class, its motifs and its activity by cell type."""
    pairs = chromosome.tables.pairs
    causal = {
        cell: set(pairs.loc[(pairs["role"] == "causal") & (pairs["cell"] == cell), "element"])
        for cell in CELLS
    }
    rows = []
    for element in chromosome.elements:
        kind = element.kind
        cells = [cell for cell in CELLS if element.id in causal[cell]]
        if kind == "enhancer":
            kind = "causal_enhancer" if cells else "unlinked_enhancer"
        motifs = ",".join(
            f"{site.factor}@{site.start}{site.strand}{'' if site.intact else '!'}"
            for site in element.sites
        )
        rows.append(
            {
                "chrom": chromosome.layout.chrom,
                "start": element.start,
                "end": element.end,
                "element": element.id,
                "class": kind,
                "causal_in": ",".join(cells),
                **{
                    f"activity_{cell}": round(activity, 4)
                    for cell, activity in zip(CELLS, element.activity, strict=True)
                },
                "motifs": motifs,
            }
        )
    return pd.DataFrame(rows)


def elements_bed(elements: pd.DataFrame) -> str:
    """Truth as BED9: the name is ``class|element``, the score the larger activity x 100."""
    score = elements[[f"activity_{cell}" for cell in CELLS]].max(axis=1)
    lines = ['track name="planted elements" description="simulated truth" itemRgb="On"\n']
    for row, value in zip(elements.to_dict("records"), score, strict=True):
        span = f"{row['start']}\t{row['end']}"
        points = min(1000, round(100 * value))
        lines.append(
            f"{row['chrom']}\t{span}\t{row['class']}|{row['element']}\t{points}\t.\t{span}"
            f"\t{_COLOURS[row['class']]}\n"
        )
    return "".join(lines)


def dataset_yaml(size: str, splits: dict[str, list[str]], default_gene: str) -> str:
    """Write the catalogue entry that opens the data set."""
    cells = {
        cell: {
            "dnase": f"signal/{cell}.DNase.bw",
            "h3k27ac": f"signal/{cell}.H3K27ac.bw",
            "contact": {"path": f"contact/{cell}.hic", "resolution": BIN, "normalisation": "VC"},
            "reads": f"reads/{cell}.DNase.tagAlign.gz",
            "expression": {
                "path": f"expression/{cell}.tsv",
                "gene": "gene_id",
                "name": "gene_name",
                "tss": "tss",
                "label": "CAGE_count",
                "label_name": "CAGE (simulated)",
                "features": list(FEATURES),
            },
        }
        for cell in CELLS
    }
    entry = {
        "name": "Simulated demo" if size == "default" else f"Simulated demo ({size})",
        "assembly": ASSEMBLY,
        "simulated": True,
        "genome": "genome.fa",
        "annotation": "genes.gtf.gz",
        "chrom_sizes": "chrom.sizes",
        "blacklist": "blacklist.bed",
        **({"default_gene": default_gene} if default_gene else {}),
        **({"splits": splits} if splits else {}),
        "truth": "truth/elements.bed",
        "cells": cells,
    }
    return f"# Made by `{GENERATOR}`: nothing here was measured.\n" + yaml.safe_dump(
        entry, sort_keys=False
    )
