"""The plan of a study: runs, each with its options and its reason."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seq2exp.errors import InputError, nearest
from seq2exp.model.registry import configure, read_config
from seq2exp.training.phases import Wishes, plan
from seq2exp.training.presets import preset_for

GROUPS = ("system", "prior", "ablation")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training.

    Attributes
    ----------
    id : the name of the model's file, without its suffix.
    setting : id of the setting, of which runs differ in their seed alone.
    group, reason : why it is trained: a row of `GROUPS`, and a sentence.
    model, preset, seed, cells, wishes, switches : as `seq2exp.training.train.train` takes them.
    source : id of the run whose mask is retrained on; None: of none.
    base : the setting that it is compared with, None: none.
    """

    id: str
    setting: str
    group: str
    reason: str
    model: str
    preset: str
    seed: int
    cells: tuple[str, ...] | None = None
    wishes: Wishes = field(default_factory=Wishes)
    switches: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    base: str | None = None

    def options(self) -> dict[str, Any]:
        """Return what decides how the network is made and trained, but for the seed."""
        wished = {name: value for name, value in asdict(self.wishes).items() if value is not None}
        config = {} if self.source else configure(self.model, self.preset, self.switches).to_dict()
        return {"model": self.model, "preset": self.preset, **config, **wished}

    def differences(self, card: Mapping[str, Any]) -> list[str]:
        """Say where a model's card is not what this run would have given; [] where it is."""
        config: Any = read_config(self.model, card.get("config") or {})
        planned: dict[str, Any] = {"model": self.model, "seed": self.seed}
        found: dict[str, Any] = {"model": card.get("model"), "seed": card.get("seed")}
        if self.source is None:
            planned |= configure(self.model, self.preset, self.switches).to_dict()
            found |= config.to_dict()
        else:
            planned["from"] = self.source
            found["from"] = (card.get("from") or {}).get("id")
        if self.cells is not None:
            found["cells"] = card.get("cells")
            spelled = {name.lower(): name for name in found["cells"] or ()}
            planned["cells"] = [spelled.get(name.lower(), name) for name in self.cells]
        training = card.get("training") or {}
        usual = preset_for(self.model, self.preset)
        phases = plan(config, usual, self.wishes, int(training.get("examples", 1)))
        planned |= _flat({phase.name: asdict(phase) for phase in phases})
        wished = self.wishes.calibrate
        planned["calibrate"] = usual.calibrate if wished is None else wished
        found["calibrate"] = (training.get("calibrated") or {}).get("windows", 0)
        found |= _flat({phase["name"]: phase for phase in training.get("phases", [])})
        return [
            f"{name} {_said(found.get(name))} instead of {_said(planned.get(name))}"
            for name in dict.fromkeys([*planned, *found])
            if found.get(name) != planned.get(name)
        ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _said(value: Any) -> str:
    return "nothing" if value is None else str(value)


@dataclass(frozen=True)
class Note:
    """What was tried and did not work, and the runs that show it."""

    text: str
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A study's plan.

    Attributes
    ----------
    path, title, about : its file, and what the study is called and for.
    runs : in the order of training, a run after the one whose mask it takes.
    notes : what did not work, in words.
    """

    path: Path
    title: str
    about: str
    runs: tuple[Run, ...]
    notes: tuple[Note, ...]

    @property
    def settings(self) -> dict[str, list[Run]]:
        """The runs by their setting, in order."""
        found: dict[str, list[Run]] = {}
        for run in self.runs:
            found.setdefault(run.setting, []).append(run)
        return found

    def run(self, name: str) -> Run:
        """Return the run of an id."""
        return next(run for run in self.runs if run.id == name)

    def chosen(self, names: Iterable[str]) -> list[Run]:
        """Return the runs of some ids or settings, all where none is named.

        Raises
        ------
        InputError
            A name that the plan does not have.
        """
        wanted = list(names)
        known = {run.id for run in self.runs} | set(self.settings)
        for name in wanted:
            if name not in known:
                raise InputError(f"{self.path} has no run {name!r}; {nearest(name, known)}")
        return [run for run in self.runs if not wanted or {run.id, run.setting} & {*wanted}]

    def changes(self, run: Run) -> dict[str, tuple[Any, Any]]:
        """Return the options in which a run differs from its base, as (base's, its own) by name."""
        if run.base is None:
            return {}
        usual, own = self.settings[run.base][0].options(), run.options()
        return {
            name: (usual.get(name), own.get(name))
            for name in dict.fromkeys([*usual, *own])
            if usual.get(name) != own.get(name)
        }
