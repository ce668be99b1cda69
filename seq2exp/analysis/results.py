"""The results of ``seq2exp evaluate``, read back: one table a file, checked for its columns."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

import seq2exp
from seq2exp.errors import InputError
from seq2exp.files import digest
from seq2exp.model.registry import NAMES

#: What fills a folder of results.
COMMAND = "seq2exp evaluate --dataset demo_full/dataset.yaml --out data/benchmarks/mine"

_FIX = "make the results anew with 'seq2exp evaluate'"

COLUMNS: dict[str, tuple[str, ...]] = {
    "fit": (
        *("model", "model_id", "seed", "cell", "split", "window", "n"),
        *("mse", "mae", "pearson", "spearman", "mask_ratio"),
    ),
    "predictions": (
        *("model", "model_id", "seed", "split", "gene_id", "gene", "chrom", "cell"),
        *("measured", "predicted", "mask_ratio"),
    ),
    "truth": (
        *("score", "model", "model_id", "seed", "split", "metric"),
        *("smoothing_bp", "ratio", "value", "low", "high", "n_genes"),
    ),
    "deletions": (
        *("score", "model", "model_id", "seed", "rule", "decoys", "auc", "low", "high"),
        *("n_causal", "n_decoys", "n_examples", "n_genes"),
    ),
    "priors": (
        *("model", "model_id", "seed", "prior_mean", "prior_strength", "other_id"),
        *("to_mean", "to_strength", "split"),
        *("correlation", "untilted_correlation", "tilted_ratio", "trained_ratio"),
        *("auprc_tilted", "auprc_trained"),
    ),
    "crispri": (
        *("score", "model", "model_id", "cell", "pairs"),
        *("auprc", "low", "high", "n_pairs", "n_positive"),
    ),
}
#: Columns of numbers that may be unknown; a file in which all are has no type for them.
_FLOATS = (
    *("mse", "mae", "pearson", "spearman", "mask_ratio", "smoothing_bp", "ratio", "value"),
    *("low", "high", "auc", "auprc", "auprc_tilted", "auprc_trained"),
    *("correlation", "untilted_correlation", "tilted_ratio", "trained_ratio"),
)
PUBLISHED_COLUMNS = ("model", "cell", "metric", "mean", "sd")


def title(model: str | None) -> str:
    """Return what to call a system on screen; the name itself where it is unknown."""
    return NAMES[model].title if model in NAMES else model or ""


def rank(model: str | None) -> int:
    """Return where a system stands in tables, as in the registry; unknown ones come last."""
    return list(NAMES).index(model) if model in NAMES else len(NAMES)


@dataclass(frozen=True, eq=False)
class Results:
    """What one run of ``seq2exp evaluate`` left behind.

    Attributes
    ----------
    folder
        Where it is.
    about
        evaluate.json: command, dataset, versions, date; empty where there is none.
    fit, predictions, truth, deletions, priors, crispri
        The tables, with `COLUMNS` and perhaps more; None for a file that is not there. Expression
        is log10(CAGE + 1); ratios and areas are shares, 0 to 1; windows and widths are in bp.
    published
        The paper's numbers on real data: `PUBLISHED_COLUMNS`, one row a number.
    """

    folder: Path
    about: Mapping[str, Any] = field(default_factory=dict)
    fit: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None
    truth: pd.DataFrame | None = None
    deletions: pd.DataFrame | None = None
    priors: pd.DataFrame | None = None
    crispri: pd.DataFrame | None = None
    published: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=PUBLISHED_COLUMNS))

    @property
    def simulated(self) -> bool | None:
        """Whether the data were simulated; None where the results do not say."""
        dataset = self.about.get("dataset")
        said = dataset.get("simulated") if isinstance(dataset, Mapping) else None
        said = self.about.get("simulated") if said is None else said
        return None if said is None else bool(said)

    def name_of(self, model_id: str, weights: str | PathLike[str]) -> str:
        """Return the id under which a model was evaluated, "" where other weights have its id.

        A model that is shipped under another name than it was evaluated under is known by its
        weights. Results that do not say what was in the files know models by their ids alone.
        """
        known = self.about.get("weights")
        if not isinstance(known, Mapping):
            return model_id
        mine = digest(weights)
        same = [str(name) for name, content in known.items() if content == mine]
        if model_id in same or (not same and model_id not in known):
            return model_id
        return same[0] if same else ""

    @property
    def dataset_name(self) -> str:
        """Name of the data set; empty where the results do not say."""
        dataset = self.about.get("dataset", "")
        return str(dataset.get("name", "") if isinstance(dataset, Mapping) else dataset)


def benchmarks_dir() -> Path:
    """Return the project's folder of results, one folder a data set."""
    return Path(seq2exp.__file__).resolve().parent.parent / "data" / "benchmarks"


def result_folders(extra: Iterable[str | Path] = ()) -> list[Path]:
    """Return the folders with results: those asked for first, then the project's by name."""
    found = [Path(folder) for folder in extra]
    for table in sorted(benchmarks_dir().glob("*/fit.parquet")):
        if table.parent.resolve() not in [folder.resolve() for folder in found]:
            found.append(table.parent)
    return found


def stamp(folder: str | Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells whether the files of a folder of results changed: name, time and size."""
    found = [(path, path.stat()) for path in sorted(Path(folder).glob("*.*")) if path.is_file()]
    return tuple((path.name, status.st_mtime_ns, status.st_size) for path, status in found)


def load_results(folder: str | Path) -> Results | None:
    """Read a folder of results; None where it has none of the tables.

    Raises
    ------
    InputError
        A file that cannot be read or lacks a column.
    """
    folder = Path(folder)
    tables = {name: _table(folder / f"{name}.parquet", COLUMNS[name]) for name in COLUMNS}
    if all(table is None for table in tables.values()):
        return None
    published = [
        place / "published.csv"
        for place in (folder, folder.parent, benchmarks_dir())
        if (place / "published.csv").is_file()
    ]
    more = {"published": _published(published[0])} if published else {}
    return Results(folder, _about(folder / "evaluate.json"), **tables, **more)


def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a readable Parquet file ({error}); {_FIX}.") from error
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(f"{path} has no column '{missing[0]}'; {_FIX}.")
    try:
        return floats(table)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} has text in a column of numbers ({error}); {_FIX}.") from error


def floats(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which numbers that may be unknown are floats, NaN for the unknown."""
    return table.astype({name: "float64" for name in _FLOATS if name in table})


def _about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not readable JSON ({error}); {_FIX}.") from error
    return about if isinstance(about, dict) else {}


def _published(path: Path) -> pd.DataFrame:
    wanted = ", ".join(PUBLISHED_COLUMNS)
    try:
        table = pd.read_csv(path, comment="#")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is not a readable table ({error}); write it with the columns {wanted}."
        ) from error
    missing = [name for name in PUBLISHED_COLUMNS if name not in table]
    if missing:
        raise InputError(f"{path} has no column '{missing[0]}'; it needs {wanted}.")
    return table


def settings(frame: pd.DataFrame) -> pd.Series:
    """Name the setting that each row belongs to: runs of one setting differ in their seed alone.

    A system that was trained in one setting gives the empty name. Where several models of a system
    share a seed (say, soft masks at three priors), the setting is the model's id without its seed.

    Parameters
    ----------
    frame
        With model, model_id and seed.
    """
    runs = frame[["model", "model_id", "seed"]].drop_duplicates()
    runs = runs[runs["model"].notna()]
    several = set(runs.loc[runs.duplicated(["model", "seed"], keep=False), "model"])
    names = [
        _without_seed(str(row.model_id), row.seed) if row.model in several else ""
        for row in frame[["model", "model_id", "seed"]].itertuples(index=False)
    ]
    return pd.Series(names, index=frame.index, dtype="str")


def _without_seed(model_id: str, seed: object) -> str:
    """Return a model's id without a final "-s1", "-seed1" or "-1" that is its seed."""
    if pd.isna(seed):
        return model_id
    return re.sub(rf"[-_.]?(seed|s)?[-_]?{int(seed)}$", "", model_id)  # type: ignore[call-overload]
