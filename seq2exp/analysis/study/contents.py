"""What a folder of results holds of a study: tables, cards and logs; no weights, no data set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seq2exp.analysis.cards import read_log
from seq2exp.analysis.results import Results, load_results
from seq2exp.analysis.study.collect import LOG, RUNS
from seq2exp.analysis.study.plan import Plan, Run
from seq2exp.analysis.study.resamples import Resamples, read_resamples
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import read_card


@dataclass(frozen=True, eq=False)
class Contents:
    """A plan beside what there is of it.

    Attributes
    ----------
    plan : the plan.
    results : the tables of `evaluate`; None where nothing was evaluated.
    resamples : what comparisons are made from; None where there are none.
    cards, logs : by run id, of the runs that are there.
    """

    plan: Plan
    results: Results | None
    resamples: Resamples | None
    cards: Mapping[str, dict[str, Any]]
    logs: Mapping[str, pd.DataFrame]

    @classmethod
    def load(cls, plan: Plan, folder: Path) -> "Contents":
        """Read a folder of results.

        Raises
        ------
        InputError
            There is no such folder, or a file in it that cannot be read.
        """
        if not folder.is_dir():
            raise InputError(
                f"There is no folder of results {folder}: make it with 'seq2exp study evaluate'."
            )
        cards, logs = {}, {}
        for run in plan.runs:
            path = folder / RUNS / f"{run.id}.json"
            if not path.exists():
                continue
            cards[run.id] = read_card(path)
            log = read_log(path.with_name(f"{run.id}{LOG}"))
            if log is not None:
                logs[run.id] = log
        return cls(plan, load_results(folder), read_resamples(folder), cards, logs)

    @property
    def about(self) -> Mapping[str, Any]:
        """What evaluate.json holds; empty where there is none."""
        return {} if self.results is None else self.results.about

    @property
    def split(self) -> str:
        """The split that was evaluated."""
        return str(self.about.get("split", "test"))

    def there(self, *groups: str) -> dict[str, list[Run]]:
        """Return the runs of some groups that are there, by setting; of all groups if none."""
        found = {
            name: [run for run in runs if run.id in self.cards]
            for name, runs in self.plan.settings.items()
            if not groups or runs[0].group in groups
        }
        return {name: runs for name, runs in found.items() if runs}

    def runs(self, *groups: str) -> list[Run]:
        """Return the runs of `there` as a list."""
        return [run for runs in self.there(*groups).values() for run in runs]

    def missing(self) -> list[Run]:
        """Return the runs that the plan lists and that are not there."""
        return [run for run in self.plan.runs if run.id not in self.cards]

    def table(self, name: str, runs: Iterable[Run]) -> pd.DataFrame | None:
        """Return the rows of a table that are of some runs or of no model; None without any."""
        frame = None if self.results is None else getattr(self.results, name)
        if frame is None:
            return None
        mine = frame["model_id"].isin([run.id for run in runs]) | frame["model_id"].isna()
        return frame[mine] if mine.any() else None
