"""A folder of results as `seq2exp evaluate` writes it, with made-up numbers, for several tests."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

WINDOWS = (2_000, 50_000, 200_000)
#: System, model ids with their seeds, and the windows that it is scored at.
RUNS: tuple[tuple[str, tuple[tuple[str, int], ...], tuple[int, ...]], ...] = (
    ("caduceus-signals", (("cad-s1", 1), ("cad-s2", 2), ("cad-s3", 3)), WINDOWS),
    ("caduceus-signals-2kb", (("cad-2kb-s1", 1),), (2_000,)),
    ("macs3", (("macs3-s1", 1), ("macs3-s2", 2)), (200_000,)),
)
PUBLISHED = """\
model,cell,metric,mean,sd,seeds,window,source
caduceus-signals,K562,mse,0.1959,0.0036,5,200000,paper
caduceus-signals,K562,pearson,0.8630,0.0008,5,200000,paper
macs3,K562,mask_ratio,0.1361,,,200000,paper
macs3,GM12878,mse,0.2340,0.0028,5,200000,paper
"""
Gene = tuple[str, str, str]


def write_results(
    folder: Path,
    genes: Sequence[Gene],
    cells: Sequence[str],
    soft: Sequence[str] = ("soft-p05", "soft-p10", "soft-p20"),
) -> Path:
    """Write all files of the contract; `genes` are (id, symbol, chromosome).

    The models of `soft` are Seq2Exp-soft's, trained at different priors with the same seed.
    """
    rng = np.random.default_rng(11)
    runs = [*RUNS, *(("seq2exp-soft", ((model_id, 1),), WINDOWS) for model_id in soft)]
    fit, predictions = [], []
    for model, ids, windows in runs:
        for model_id, seed in ids:
            who = {"model": model, "model_id": model_id, "seed": seed}
            for split in ("validation", "test"):
                for cell in ("all", *cells):
                    fit += [
                        who
                        | {"cell": cell, "split": split, "window": window, "n": len(genes)}
                        | dict(zip(("mse", "mae"), rng.uniform(0.2, 0.6, 2), strict=True))
                        | dict(zip(("pearson", "spearman"), rng.uniform(0.5, 0.9, 2), strict=True))
                        | {"mask_ratio": None if "cad" in model else rng.uniform(0.05, 0.15)}
                        for window in windows
                    ]
                predictions += [
                    who
                    | {"split": split, "gene_id": id, "gene": name, "chrom": chrom, "cell": cell}
                    | {"measured": (level := rng.uniform(0, 3)), "mask_ratio": 0.1}
                    | {"predicted": 0.8 * level + rng.normal(0.3, 0.3)}
                    for id, name, chrom in genes
                    for cell in cells
                ]
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(fit).to_parquet(folder / "fit.parquet")
    pd.DataFrame(predictions).to_parquet(folder / "predictions.parquet")
    _truth(rng, soft).to_parquet(folder / "truth.parquet")
    _deletions(soft).to_parquet(folder / "deletions.parquet")
    _priors(rng, soft).to_parquet(folder / "priors.parquet")
    crispri = [("distance", None, 0.503), ("DNase", None, 0.357), ("learned mask", soft[0], 0.41)]
    pd.DataFrame(
        [
            {"score": score, "model": id and "seq2exp-soft", "model_id": id, "seed": id and 1}
            | {"cell": cells[0], "pairs": pairs, "n_pairs": count, "n_positive": count // 8}
            | {"auprc": area, "low": area - 0.04, "high": area + 0.05}
            for pairs, count in (("whole table", 1000), ("with tracks", 400))
            for score, id, area in crispri
        ]
    ).to_parquet(folder / "crispri.parquet")
    about = {
        "command": "seq2exp evaluate --dataset demo_full/dataset.yaml",
        "dataset": {"name": "Simulated demo", "digest": "0" * 64, "simulated": True},
        "versions": {"seq2exp": "0.1.0"},
        "date": "2025-01-31",
        "notes": ["The mask of one model is not judged."],
    }
    (folder / "evaluate.json").write_text(json.dumps(about))
    (folder / "tables.md").write_text("| system |\n|---|\n")
    (folder / "published.csv").write_text(PUBLISHED)
    return folder


def _deletions(soft: Sequence[str]) -> pd.DataFrame:
    areas = {"open_decoys": 0.81, "silenced_enhancer": 0.93}
    return pd.DataFrame(
        [
            {"score": score, "model": "seq2exp-soft", "model_id": id, "seed": 1, "rule": "soft"}
            | {"decoys": decoys, "auc": area - i / 100, "low": area - 0.05, "high": area + 0.05}
            | {"n_causal": 320, "n_decoys": 410, "n_examples": 48, "n_genes": 45}
            for i, id in enumerate(soft)
            for score in ("in-silico deletion", "in-silico deletion, |Δ|")
            for decoys, area in areas.items()
        ]
    )


def _truth(rng: np.random.Generator, soft: Sequence[str]) -> pd.DataFrame:
    none = {"model": None, "model_id": None, "seed": None}
    scores = [("DNase", none), ("DNase × H3K27ac × contact", none), ("MACS3 q 0.05", none)]
    scores += [
        ("learned mask", {"model": "seq2exp-soft", "model_id": id, "seed": 1}) for id in soft
    ]
    metrics = ["auprc", "f1_at_ratio", "element_auc:open", "element_auc:broken_motif"]
    bins = ("10-50kb", "0-10kb", "50-100kb")
    metrics += [f"{what}@{bin}" for what in ("precision", "recall") for bin in bins]
    rows = []
    for score, who in scores:
        for metric in metrics:
            for width in (0, 501) if metric == "auprc" else (0,):
                value = rng.uniform(0.1, 0.9)
                rows.append(
                    {"score": score, **who, "split": "test", "metric": metric}
                    | {"smoothing_bp": width, "ratio": 0.09 if metric == "f1_at_ratio" else None}
                    | {"value": value, "low": value - 0.03, "high": value + 0.04, "n_genes": 134}
                )
    return pd.DataFrame(rows)


def _priors(rng: np.random.Generator, soft: Sequence[str]) -> pd.DataFrame:
    means = dict(zip(soft, (0.05, 0.1, 0.2), strict=False))
    return pd.DataFrame(
        [
            {"model": "seq2exp-soft", "model_id": one, "seed": 1, "prior_mean": means[one]}
            | {"prior_strength": 100.0, "other_id": other, "to_mean": means[other]}
            | {"to_strength": 100.0, "split": "test", "correlation": 1.0 if one == other else 0.97}
            | {"untilted_correlation": 0.9, "tilted_ratio": rng.uniform(0, 0.2)}
            | {"trained_ratio": means[other], "auprc_tilted": rng.uniform(0, 0.4)}
            | {"auprc_trained": 0.31}
            for one in means
            for other in means
        ]
    )


#: A training log of two phases, as `seq2exp train` keeps it.
LOG = """\
step,lr,loss,prediction,sparsity,continuity,mask_ratio,val_mse,val_mae,val_pearson,grad_prediction,grad_sparsity,seconds
50,0.001,0.9,0.5,0.4,0,0.30,,,,,,5
100,0.001,0.7,0.4,0.3,0,0.20,,,,,,9
100,,,,,,,0.55,0.6,0.31,0.01,0.2,10
150,0.001,0.6,0.35,0.25,0,0.15,,,,,,14
200,0.001,0.5,0.3,0.2,0,0.12,,,,,,19
200,,,,,,,0.45,0.5,0.52,0.02,0.1,20
25,0.0002,0.45,0.28,0.18,0,0.11,,,,,,30
50,0.0002,0.42,0.27,0.17,0,0.10,,,,,,40
50,,,,,,,0.41,0.47,0.60,0.015,0.08,41
"""
