"""Evaluating a study's runs, and keeping of all of them what is small: cards and logs."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seq2exp.analysis.evaluate import Options, evaluate
from seq2exp.analysis.study.plan import Plan, Run
from seq2exp.analysis.study.training import model_path, planned_card
from seq2exp.errors import InputError
from seq2exp.files import atomic_path
from seq2exp.training.examples import Progress
from seq2exp.training.logs import MEANS

#: The folder of cards and logs in a folder of results, and what a log's name ends in.
RUNS, LOG = "runs", ".log.csv"
#: Groups of runs whose models are evaluated on held-out genes.
EVALUATED = ("system", "prior")
#: Most bytes of a log that is kept.
LOG_BYTES = 60_000

_MEASURED = ("val_mse", "grad_prediction")  # of the rows that stay as they are


def evaluate_runs(
    plan: Plan,
    dataset_path: str | Path,
    folder: Path,
    out: Path,
    options: Options | None = None,
    *,
    root: str | Path | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Evaluate the systems and priors of a plan that are there, and collect cards and logs of all.

    Parameters
    ----------
    folder : the runs; see `train_runs`.
    out : the results; ``out/runs`` is written anew.
    dataset_path, options, root, command, progress : as in `evaluate`.

    Returns
    -------
    dict
        What evaluate.json holds.

    Raises
    ------
    InputError
        No run to evaluate, one that is not what the plan says, or runs trained on different data.
    """
    there = _cards(plan.runs, folder)
    evaluated = {
        run.id: model_path(folder, run)
        for run in plan.runs
        if run.id in there and run.group in EVALUATED
    }
    if not evaluated:
        raise InputError(f"No system of {plan.path} is in {folder}: train one first.")
    about = evaluate(
        list(evaluated.values()),
        dataset_path,
        out,
        options,
        root=root,
        command=command,
        progress=progress,
    )
    collect_runs(plan, folder, out)
    return about


def collect_runs(plan: Plan, folder: Path, out: Path) -> None:
    """Keep cards and logs of what was evaluated, and of the ablations that are there by now.

    An evaluation takes an hour, and ablations need none: they are judged by their cards.

    Parameters
    ----------
    folder, out : as in `evaluate_runs`, which has filled `out`.

    Raises
    ------
    InputError
        No results, a run that is not what the plan says, or runs trained on different data.
    """
    try:
        about = json.loads((out / "evaluate.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{out} has no results of an evaluation ({error}): run `seq2exp study evaluate` first."
        ) from None
    evaluated = set(about["models"])
    kept = [run for run in plan.runs if run.id in evaluated or run.group not in EVALUATED]
    _collect(kept, folder, out / RUNS)


def _cards(runs: Sequence[Run], folder: Path) -> dict[str, dict[str, Any]]:
    """Return the cards of the runs that are there, by id.

    Raises
    ------
    InputError
        As `planned_card`, or runs trained on different data; names those that the fewest share
        theirs with.
    """
    found = {}
    for run in runs:
        card = planned_card(folder, run)
        if card is not None:
            found[run.id] = card
    digests = {name: (card.get("dataset") or {}).get("digest") for name, card in found.items()}
    counted = Counter(digests.values())
    if len(counted) > 1:
        usual, count = counted.most_common(1)[0]
        odd = [name for name, digest in digests.items() if digest != usual]
        rest = next(name for name, digest in digests.items() if digest == usual)
        raise InputError(
            f"In {folder}, {', '.join(odd)} were trained on another build of the data than {rest}"
            f"{f' and {count - 1} more' if count > 1 else ''}, so they cannot be compared: move "
            "them away and train them anew."
        )
    return found


def _collect(runs: Sequence[Run], folder: Path, out: Path) -> None:
    """Write the cards and logs of the runs that are there into a new folder."""
    cards = _cards(runs, folder)
    with atomic_path(out) as draft:
        draft.mkdir()
        for name, card in cards.items():
            text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
            (draft / f"{name}.json").write_text(text, encoding="utf-8")
            log = folder / f"{name}{LOG}"
            if log.exists():
                short = thinned(log.read_text(encoding="utf-8"), LOG_BYTES)
                (draft / f"{name}{LOG}").write_text(short, encoding="utf-8")


def thinned(text: str, limit: int) -> str:
    """Return a training log of at most `limit` bytes.

    Rows of validations and of gradients stay as they are, those of training are joined: their means
    are taken over as many steps as fit. Where that does not do, every other measured row goes, too,
    but for the first and the last.
    """
    rows = list(csv.DictReader(text.splitlines()))
    columns = text.splitlines()[0].split(",")
    joined = 1
    while len(text.encode()) > limit and len(rows) > 2:
        joined *= 2
        if joined > len(rows):
            rows = _every_other(_joined(rows, joined))
        text = _written(_joined(rows, joined), columns)
    return text


def _measured(row: Mapping[str, str]) -> bool:
    return any(row.get(name) for name in _MEASURED)


def _every_other(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    measured = [i for i, row in enumerate(rows) if _measured(row)]
    gone = set(measured[1:-1:2])
    return [row for i, row in enumerate(rows) if i not in gone]


def _joined(rows: Sequence[dict[str, str]], count: int) -> list[dict[str, str]]:
    """Join up to `count` rows of training that follow one another in one phase."""
    found: list[dict[str, str]] = []
    group: list[dict[str, str]] = []

    def close() -> None:
        if group:
            means = {
                name: f"{sum(float(row[name]) for row in group) / len(group):.6g}"
                for name in MEANS
                if all(row.get(name) for row in group)
            }
            found.append({**group[-1], **means})
            group.clear()

    for row in rows:
        restarted = group and int(row["step"]) < int(group[-1]["step"])
        if _measured(row) or restarted or len(group) == count:
            close()
        if _measured(row):
            found.append(row)
        else:
            group.append(row)
    close()
    return found


def _written(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
