"""Expression: what each gene's promoter and enhancers come to, and which element does how much."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from seq2exp.datasets.simulate.contact import borders_between, contact
from seq2exp.datasets.simulate.elements import Planted
from seq2exp.datasets.simulate.layout import Layout
from seq2exp.datasets.simulate.plan import CELLS, PROMOTER_HALF, REACH, stream
from seq2exp.datasets.simulate.sequence import mrna_features
from seq2exp.datasets.simulate.signals import Reads, rpm_around

#: Names of the nine features, in the published order.
FEATURES = (
    "utr5_length_z",
    "cds_length_z",
    "intron_length_z",
    "utr3_length_z",
    "utr5_gc",
    "cds_gc",
    "utr3_gc",
    "orf_exon_density",
    "promoter_activity",
)
#: log10 of the CAGE count at promoter strength 0 and enhancer term 1.
OFFSET = 1.55
#: What a promoter reaches without enhancers, in units of one element at contact 1.
BASAL = 0.08
#: Standard deviation of the noise on log10(CAGE).
NOISE = 0.15
#: An element is causal for a gene when losing it costs at least this share of the expression.
CAUSAL = 0.03
#: Reads of a genome-wide experiment of this depth, in millions.
DEPTH_MILLIONS = 20.0

# (feature, centre, weight): intron length z, 3' UTR length z, CDS GC, exon density.
_MRNA = ((2, 0.0, 0.05), (3, 0.0, -0.06), (5, 0.51, 0.6), (7, 4.4, 0.015))


class Tables(NamedTuple):
    """What is told about the genes of one chromosome.

    Attributes
    ----------
    expression : tuple of pandas.DataFrame
        One a cell type; coding genes with `FEATURES`, promoter reads and ``CAGE_count``.
    pairs : pandas.DataFrame
        Truth: every element open or silenced in a gene's window with its role, distance, contact,
        activity and ``effect``, the share of expression lost with it (0 for decoys).
    parts : pandas.DataFrame
        Truth: what each label is the sum of, in log10.
    """

    expression: tuple[pd.DataFrame, ...]
    pairs: pd.DataFrame
    parts: pd.DataFrame


def make_tables(
    seed: int,
    layout: Layout,
    elements: tuple[Planted, ...],
    codes: np.ndarray,
    dnase: tuple[Reads, ...],
    h3k27ac: tuple[Reads, ...],
) -> Tables:
    """Make the expression table of each cell type and the table of gene-element pairs.

    log10(CAGE) = offset + promoter strength + mRNA part + log10(basal + sum of activity x contact)
    + noise; the count is Poisson. The sum runs over active enhancers 1 to 100 kb from the TSS.

    """
    rng = stream(seed, layout.chrom, "labels")
    promoters = {e.gene.id: e for e in elements if e.gene is not None}
    centers = np.array([e.center for e in elements])
    kinds = np.array([e.kind for e in elements])
    ids = np.array([e.id for e in elements])
    activity = np.array([e.activity for e in elements])
    openness = np.array([e.dnase for e in elements])
    expression: tuple[list[dict], ...] = tuple([] for _ in CELLS)
    pairs, parts = [], []
    for gene in layout.genes:
        mrna = mrna_features(gene, codes)
        noise = rng.normal(0, NOISE, len(CELLS))
        if mrna is None:
            continue
        low, high = np.searchsorted(centers, (gene.tss - REACH, gene.tss + REACH))
        near = np.arange(low, high)
        near = near[ids[near] != f"{gene.id}.P"]
        distance = centers[near] - gene.tss
        reach = contact(layout, gene.tss, centers[near])
        crossed = borders_between(layout, gene.tss, centers[near])
        stable = sum(weight * (mrna[i] - center) for i, center, weight in _MRNA)
        for cell in range(len(CELLS)):
            part = np.where(np.abs(distance) >= PROMOTER_HALF, activity[near, cell] * reach, 0.0)
            term = BASAL + part.sum()
            strength = promoters[gene.id].strength[cell]
            log_cage = OFFSET + strength + stable + np.log10(term) + noise[cell]
            count = int(rng.poisson(10**log_cage))
            rpm_dnase = rpm_around(dnase[cell], gene.tss, DEPTH_MILLIONS)
            rpm_h3k27ac = rpm_around(h3k27ac[cell], gene.tss, DEPTH_MILLIONS)
            features = [*mrna, np.sqrt(rpm_dnase * rpm_h3k27ac)]
            expression[cell].append(
                {
                    "gene_id": gene.id,
                    "gene_name": gene.name,
                    "chrom": gene.chrom,
                    "strand": gene.strand,
                    "tss": gene.tss,
                    **{
                        name: round(float(v), 5) for name, v in zip(FEATURES, features, strict=True)
                    },
                    "dnase_rpm_tss1kb": rpm_dnase,
                    "h3k27ac_rpm_tss1kb": rpm_h3k27ac,
                    "CAGE_count": count,
                }
            )
            parts.append(
                {
                    "gene_id": gene.id,
                    "gene_name": gene.name,
                    "cell": CELLS[cell],
                    "promoter_log10": round(float(OFFSET + strength), 4),
                    "mrna_log10": round(float(stable), 4),
                    "enhancer_log10": round(float(np.log10(term)), 4),
                    "noise_log10": round(float(noise[cell]), 4),
                    "CAGE_count": count,
                }
            )
            effect = part / term
            seen = (openness[near, cell] > 0) | (kinds[near] == "silenced_enhancer")
            pairs.append(
                pd.DataFrame(
                    {
                        "gene_id": gene.id,
                        "gene_name": gene.name,
                        "cell": CELLS[cell],
                        "element": ids[near],
                        "role": _roles(kinds[near], effect, crossed),
                        "distance": distance,
                        "contact": reach.round(5),
                        "activity": activity[near, cell].round(4),
                        "effect": effect.round(5),
                    }
                )[seen]
            )
    return Tables(
        tuple(pd.DataFrame(rows) for rows in expression),
        pd.concat(pairs, ignore_index=True),
        pd.DataFrame(parts),
    )


def _roles(kinds: np.ndarray, effect: np.ndarray, crossed: np.ndarray) -> np.ndarray:
    """Say what each element is to one gene: causal, or which decoy."""
    roles = kinds.astype(object)
    roles[kinds == "promoter"] = "neighbour_promoter"
    enhancer = kinds == "enhancer"
    roles[enhancer] = "weak_enhancer"
    roles[enhancer & (crossed > 0)] = "behind_border"
    roles[enhancer & (effect >= CAUSAL)] = "causal"
    return roles
