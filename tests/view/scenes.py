"""A scene with something in every row, made in memory."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from seq2exp.analysis.elements import call_elements, selection
from seq2exp.genome.annotation import Gene, Transcript
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import WINDOW, Window
from seq2exp.inference.perturb import Edit, apply_edits
from seq2exp.model.beta import BetaPrior, MaskPosterior
from seq2exp.view.scene import Scene, UserTrack

TSS = 39_350_000
START = TSS - WINDOW // 2
EDIT = Edit(Interval("chr22", TSS + 12_000, TSS + 13_000), "scale", "DNase", 1.5)
PEAKS = (-62_000, -31_400, -8_000, -300, 12_500, 47_000, 71_300)


@dataclass(frozen=True)
class MaskRule:
    mode: str = "hard"
    threshold: float = 0.5
    fraction: float = 0.1


def make_gene(name: str, start: int, end: int, strand: str = "+", coding: bool = True) -> Gene:
    width = end - start
    exons = tuple(
        (start + int(width * f), min(start + int(width * f) + 180, end))
        for f in (0, 0.22, 0.47, 0.8)
    )
    exons = (*exons, (end - 400, end))
    cds = (start + width // 5, end - 200) if coding else None
    main = Transcript(f"T-{name}", start, end, exons, cds, True)
    short = Transcript(f"T-{name}-2", start, end - width // 4, exons[:3], cds and None, False)
    kind = "protein_coding" if coding else "lncRNA"
    tss = start if strand == "+" else end - 1
    return Gene(f"ENSG-{name}", name, "chr22", start, end, strand, tss, kind, (main, short))


def make_scene(
    model: bool = True, rule: MaskRule | None = None, seed: int = 0, tried: bool = False
) -> Scene:
    """Make a scene; where something was tried, inputs are edited and elements deleted."""
    rng = np.random.default_rng(seed)
    length = WINDOW
    position = np.arange(START, START + length)
    signals = np.zeros((length, 3), dtype=np.float32)
    signals[:, 0] = rng.gamma(1.2, 0.35, length // 20).repeat(20)
    signals[:, 1] = rng.gamma(1.0, 0.12, length // 10).repeat(10)
    alpha = rng.gamma(2.0, 0.15, (length // 8, 4)).repeat(8, axis=0).astype(np.float32) + 0.02
    peaks = []
    for index, offset in enumerate(PEAKS):
        center = TSS + offset
        bump = np.exp(-0.5 * ((position - center) / 140) ** 2)
        signals[:, 1] += (6 + 5 * (index % 3)) * bump
        broad = np.exp(-0.5 * ((position - center) / 700) ** 2)
        signals[:, 0] += (4 + 9 * (index % 2)) * broad * (0.8 + 0.2 * np.sin(position / 90))
        alpha[:, index % 4] += (3.5 * bump * (index != 2)).astype(np.float32)
        peaks.append(("chr22", center - 250, center + 250, f"peak_{index + 1}", 500 + index))
    distance = np.abs(position - TSS) // 5000 * 5000 + 2500
    signals[:, 2] = np.log10(1 + 2000 * (distance / 5000.0) ** -0.9)
    gene = make_gene("SYNGR1", TSS, TSS + 38_000)
    genes = [
        gene,
        make_gene("TAB1", TSS - 92_000, TSS - 46_000),
        make_gene("LINC-LONGNAME1", TSS - 50_000, TSS - 30_000, "-", coding=False),
        make_gene("MGAT3", TSS + 43_000, TSS + 140_000),
        make_gene("MGAT3-AS1", TSS + 41_000, TSS + 48_000, "-", coding=False),
        make_gene("SNORD1", TSS - 12_000, TSS - 11_900, coding=False),
        make_gene("MAP3K7IP1", TSS - 140_000, TSS - 90_500, "-"),
    ]
    blacklist = np.zeros(length, dtype=bool)
    blacklist[20_000:23_000] = True
    window = Window(
        gene=gene,
        cell="K562",
        interval=Interval("chr22", START, START + length),
        codes=rng.integers(0, 4, length).astype(np.uint8),
        signals=signals,
        blacklist=blacklist,
        features=np.zeros(9, dtype=np.float32),
        label=1.2,
        label_name="CAGE",
        pad_left=0,
        pad_right=0,
        contact_source="Hi-C VC 5 kb",
    )
    frame = pd.DataFrame(peaks, columns=["chrom", "start", "end", "name", "score"])
    frame = frame.assign(
        strand=".", signal_value=7.5, p_log10=12.0, q_log10=9.0, summit=frame["start"] + 260
    )
    crispr = pd.DataFrame(
        {
            "chrom": "chr22",
            "start": [TSS - 31_700, TSS + 12_100, TSS + 60_000],
            "end": [TSS - 31_100, TSS + 12_900, TSS + 60_500],
            "gene_symbol": ["SYNGR1", "SYNGR1", "OTHER"],
            "gene_id": ["ENSG-SYNGR1", "ENSG-SYNGR1", "X"],
            "effect": [-0.31, 0.02, -0.5],
            "p_adjusted": [1e-5, 0.7, 0.01],
            "significant": [True, False, True],
            "regulated": [True, False, True],
            "dataset": "Gasperini2019",
            "cell": "K562",
        }
    )
    posterior, elements, mask = None, [], None
    rule = rule or MaskRule(mode="hard", threshold=0.4)
    if model:
        beta = np.full(length, 4.5, dtype=np.float32)
        posterior = MaskPosterior(
            alpha=alpha.sum(axis=1),
            beta=beta,
            prior=BetaPrior(1.0, 9.0),
            evidence=alpha,
            forced_open=window.promoter,
            closed=blacklist,
        )
        chosen = selection(posterior, rule)
        elements = call_elements(posterior.mean, window.interval, chosen, 100, 100, window.promoter)
        mask = posterior.hard(rule.threshold)

    def matrix(interval: Interval) -> tuple[np.ndarray, np.ndarray]:
        starts = np.arange(interval.start // 5000, -(-interval.end // 5000)) * 5000
        apart = np.abs(starts[:, None] - starts[None, :]) / 5000
        return 400 * (1 + apart) ** -1.2, starts

    scene = Scene(
        window=window,
        genes=genes,
        peaks=frame,
        peaks_note="q < 0.05",
        posterior=posterior,
        mask=mask,
        rule=rule,
        elements=elements,
        model_note="" if model else "the model is running…",
        prior_note="prior mean 0.10, as trained",
        crispr=crispr,
        truth=frame[["chrom", "start", "end"]].iloc[:4],
        user_tracks=[
            UserTrack("my ATAC-seq replicate 2", values=signals[:, 1] * 0.7, unit="RPM"),
            UserTrack("my BED", intervals=frame[["chrom", "start", "end", "name"]]),
        ],
        simulated=True,
        contact_matrix=matrix,
    )
    if not tried:
        return scene
    effects = frame[["name", "chrom", "start", "end"]].assign(
        delta=[-0.4, -0.05, 0.0, 0.02, -0.12, 0.1, -0.01], share=0.2
    )
    return replace(
        scene,
        window=apply_edits(window, [EDIT]).window,
        edits=[EDIT],
        unedited=window,
        unedited_posterior=posterior,
        effects=effects,
        seeds=[] if posterior is None else [replace(posterior, alpha=posterior.alpha * 1.5)],
        seeds_note="" if model else "the models run",
    )
