"""What moved the masks in training: the prediction, or the term that keeps them sparse."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from seq2exp.analysis.study.plan import Run

#: Where in training the gradients are read, as shares of its steps.
POINTS = {"Start": 0.0, "25 %": 0.25, "50 %": 0.5, "75 %": 0.75, "End": 1.0}

_COLUMNS = ("grad_prediction", "grad_sparsity")


def gradients_at(log: pd.DataFrame, share: float) -> tuple[float, float] | None:
    """Return the norms of both gradients at the mask's logits, at a share of a log's steps.

    They are those of the row nearest to it; None where the log has none, as without a mask that
    learns.

    Parameters
    ----------
    log : from `seq2exp.analysis.cards.read_log`.
    """
    if any(name not in log for name in _COLUMNS):
        return None
    rows = log.dropna(subset=list(_COLUMNS))
    if rows.empty:
        return None
    away = (rows["step"] - share * log["step"].iloc[-1]).abs()
    nearest = rows.loc[away.idxmin()]
    return float(nearest[_COLUMNS[0]]), float(nearest[_COLUMNS[1]])


def gradient_rows(
    settings: Mapping[str, Sequence[Run]], logs: Mapping[str, pd.DataFrame]
) -> list[dict[str, str]]:
    """Return a table of the gradients of every setting whose mask learns, three rows each.

    Norms are means over seeds, and the ratio is that of the means.
    """
    rows = []
    for name, runs in settings.items():
        there = [logs[run.id] for run in runs if run.id in logs]
        norms = {
            point: [found for log in there if (found := gradients_at(log, share)) is not None]
            for point, share in POINTS.items()
        }
        if not norms["Start"]:
            continue
        means = {point: np.mean(found, axis=0) for point, found in norms.items()}
        for what, write in (
            ("prediction", lambda pair: f"{pair[0]:.1e}"),
            ("sparsity", lambda pair: f"{pair[1]:.1e}"),
            ("ratio", lambda pair: f"{pair[0] / pair[1]:.1e}" if pair[1] > 0 else ""),
        ):
            rows.append(
                {"Setting": name, "Seeds": str(len(norms["Start"])), "Gradient": what}
                | {point: write(pair) for point, pair in means.items()}
            )
    return rows
