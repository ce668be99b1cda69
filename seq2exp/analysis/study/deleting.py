"""Deleting planted elements under a study's masks, apart from the evaluation that they add to."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from seq2exp.analysis.evaluate.deletions import deletion_rows
from seq2exp.analysis.evaluate.outputs import Network
from seq2exp.analysis.evaluate.planted import Planted
from seq2exp.analysis.results import load_results
from seq2exp.analysis.study.plan import Plan
from seq2exp.analysis.study.training import model_path, planned_card
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.truth import PlantedTruth
from seq2exp.errors import InputError
from seq2exp.files import atomic_path
from seq2exp.inference.predictor import Predictor
from seq2exp.training.examples import Progress, examples

#: The file of a folder of results.
NAME = "deletions.parquet"


def delete_planted(
    plan: Plan,
    dataset_path: str | Path,
    folder: Path,
    out: Path,
    *,
    only: Sequence[str] = (),
    hard: bool = False,
    count: int | None = None,
    root: str | Path | None = None,
    device: str = "auto",
    scan: str = "auto",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Delete what is planted round the evaluated genes, under each mask, and keep how it ranks.

    The examples, resamples and seed are those of the evaluation. Each model's rows are kept as soon
    as they are known; they take the place of that model's rows under the same rule, so the work can
    be stopped and gone on with model by model.

    Parameters
    ----------
    folder, out : the runs and the results; see `evaluate_runs`, which has filled `out`.
    only : runs, or settings for all seeds of them; none: every system with a mask.
    hard : apply masks as open or closed at the network's own threshold, which is several times
        faster as closed bases are left out; else by the network's own rule.
    count : most examples, spread over the split; None: all.
    root, device, scan, progress : as in `evaluate`.

    Returns
    -------
    pandas.DataFrame
        deletions.parquet: the rows of `deletion_rows`.

    Raises
    ------
    InputError
        No results, other data than they are of, nothing planted, or a run that is not there, not
        what the plan says, or without a mask.
    """
    about = _about(out)
    networks = _networks(plan, folder, only)
    dataset = Dataset.load(dataset_path, root=root)
    if dataset.digest != about["dataset"]["digest"]:
        raise InputError(
            f"{out} was evaluated on {about['dataset']['name']} with another digest than "
            f"{dataset_path} has: name the data set of the evaluation."
        )
    if not PlantedTruth(dataset):
        raise InputError(f"Nothing is planted in {dataset.name}, so there is nothing to delete.")
    every = examples(dataset, about["split"], about["cells"], about["length"], progress)
    planted = Planted(dataset, every.spread(count))
    found = pd.DataFrame()
    for network in networks:
        predictor = Predictor(network.path, device, scan)
        rule = replace(predictor.default_rule, mode="hard") if hard else predictor.default_rule
        stage = f"Deleting planted elements, {network.id}"

        def tell(fraction: float, stage: str = stage) -> None:
            if progress:
                progress(fraction, f"{stage}: {fraction:.0%} done")

        rows = deletion_rows(
            predictor,
            dataset,
            planted,
            network.label,
            rule=rule,
            replicates=about["bootstrap"]["replicates"],
            seed=about["bootstrap"]["seed"],
            progress=tell,
        )
        found = _kept(out, pd.DataFrame(rows))
    return found


def _about(out: Path) -> dict[str, Any]:
    results = load_results(out) if out.is_dir() else None
    if results is None or not results.about:
        raise InputError(
            f"{out} has no results of an evaluation: run `seq2exp study evaluate` first."
        )
    return dict(results.about)


def _networks(plan: Plan, folder: Path, only: Sequence[str]) -> list[Network]:
    """Return the networks asked for; those without a mask are left out unless they are named."""
    found = []
    for run in plan.chosen(only):
        if not only and run.group != "system":
            continue
        if planned_card(folder, run) is None:
            if only:
                raise InputError(f"{run.id} is not in {folder}: train it first.")
            continue
        network = Network.load(model_path(folder, run))
        if network.has_mask:
            found.append(network)
        elif only:
            raise InputError(f"{run.id} has no mask, so nothing can be deleted under it.")
    if not found:
        raise InputError(f"No system of {plan.path} with a mask is in {folder}: train one first.")
    return found


def _kept(out: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Write rows of one model in the place of those of the same model and rule."""
    results = load_results(out)
    earlier = None if results is None else results.deletions
    if earlier is not None:
        same = earlier["model_id"].isin(rows["model_id"]) & earlier["rule"].isin(rows["rule"])
        rows = pd.concat([earlier[~same], rows], ignore_index=True)
    rows = rows.sort_values(["model", "model_id", "rule"], kind="stable", ignore_index=True)
    with atomic_path(out / NAME) as draft:
        rows.astype({"seed": "Int64"}).to_parquet(draft, index=False)
    return rows
