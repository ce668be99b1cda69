"""The rows of an evaluation as tables, and the folder that they are written into."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seq2exp.analysis.evaluate.fit import ALL
from seq2exp.analysis.evaluate.planted import OPEN_DECOYS
from seq2exp.analysis.evaluate.scores import HARD
from seq2exp.analysis.evaluate.tables import to_markdown
from seq2exp.analysis.results import benchmarks_dir
from seq2exp.files import atomic_path

TABLES = ("fit", "predictions", "truth", "deletions", "priors", "crispri", "draws")
#: What ``draws.parquet`` calls the score of a fit.
PREDICTION = "prediction"
#: Metrics of which the resamples are kept, so that scores can be compared gene draw by gene draw.
COMPARED = (
    *("auprc", "f1_at_ratio"),
    *(f"element_auc:{kind}" for kind in (OPEN_DECOYS, "broken_motif")),
)

# Columns that may hold nothing at all, and are numbers nevertheless.
_NUMBERS = (
    *("pearson", "pearson_low", "pearson_high", "spearman", "mask_ratio"),
    *("ratio", "value", "low", "high", "auprc", "auprc_tilted", "auprc_trained"),
    *("correlation", "untilted_correlation"),
)
_OF_A_MODEL = ("model", "model_id", "seed", "split")


@dataclass
class Found:
    """The rows of every table, and what could not be done.

    Rows of `fit` and `truth` have their resamples under ``draws``.
    """

    fit: list[dict[str, Any]] = field(default_factory=list)
    predictions: list[pd.DataFrame] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)
    deletions: list[dict[str, Any]] = field(default_factory=list)
    priors: list[dict[str, Any]] = field(default_factory=list)
    crispri: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the tables that have rows, by name; numbers that are not known are missing."""
        frames = {
            "fit": pd.DataFrame(_without_draws(self.fit)),
            "truth": pd.DataFrame(_without_draws(self.truth)),
            "deletions": pd.DataFrame(self.deletions),
            "priors": pd.DataFrame(self.priors),
            "crispri": pd.DataFrame(self.crispri),
            "draws": pd.DataFrame(self._draws()),
        }
        if self.predictions:
            frames["predictions"] = pd.concat(self.predictions, ignore_index=True)
        if len(frames["draws"]):  # a fit has no width, and a score of bases no window
            frames["draws"] = frames["draws"].astype({"window": "Int64", "smoothing_bp": "Int64"})
        kinds = {"seed": "Int64", **dict.fromkeys(_NUMBERS, "float64")}
        return {
            name: frame.astype({key: kind for key, kind in kinds.items() if key in frame})
            for name, frame in frames.items()
            if len(frame)
        }

    def _draws(self) -> list[dict[str, Any]]:
        """Return the rows of draws.parquet: the resamples of what is compared, float32 [R] each."""
        rows = [
            {
                "score": PREDICTION,
                **{key: row[key] for key in _OF_A_MODEL},
                **{"metric": "pearson", "window": row["window"]},
                **{"smoothing_bp": None, "ratio": None, "value": row["pearson"]},
                "draws": row["draws"].astype(np.float32),
            }
            for row in self.fit
            if row["cell"] == ALL and row["draws"] is not None
        ]
        rows += [
            {
                "score": row["score"],
                **{key: row[key] for key in _OF_A_MODEL},
                **{"metric": row["metric"], "window": None},
                **{key: row[key] for key in ("smoothing_bp", "ratio", "value")},
                "draws": row["draws"].astype(np.float32),
            }
            for row in self.truth
            if row["metric"] in COMPARED and row["score"] != HARD
        ]
        return rows


def _without_draws(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "draws"} for row in rows]


def write_results(out: Path, frames: dict[str, pd.DataFrame], about: dict[str, Any]) -> None:
    """Write the results; evaluate.json, which says what the others are, comes last.

    Tables of an earlier run that this one does not have are deleted.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        path = out / f"{name}.parquet"
        if name not in frames:
            path.unlink(missing_ok=True)
            continue
        with atomic_path(path) as draft:
            frames[name].to_parquet(draft, index=False)
    published = pd.read_csv(benchmarks_dir() / "published.csv")
    texts = {
        "tables.md": to_markdown(frames, about, published),
        "evaluate.json": json.dumps(about, indent=2, allow_nan=False, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        with atomic_path(out / name) as draft:
            draft.write_text(text, encoding="utf-8")
