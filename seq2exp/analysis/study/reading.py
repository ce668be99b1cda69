"""Reading a study's plan, a YAML file.

.. code-block:: yaml

    title: Demo study
    about: What it is for.                  # optional
    defaults: {preset: demo}                # options that every run has
    runs:
      - id: soft
        group: system                       # system, prior or ablation
        reason: As published.
        model: seq2exp-soft
        seeds: [1, 2, 3]                    # the runs soft-s1, soft-s2 and soft-s3
      - id: retrain
        group: system
        reason: The predictor alone, on the soft mask's highest tenth.
        model: seq2exp-retrain
        seeds: [1, 2]
        from: soft                          # its run of the same seed
      - id: soft-p05
        group: prior
        base: soft                          # what it differs from in the settings given here
        reason: A sparser prior.
        model: seq2exp-soft
        seed: 1
        set: {prior_mean: 0.05}
        steps: 400                          # any other option of `seq2exp train`
    notes:
      - text: What was tried and did not work.
        runs: [soft-p05]
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from seq2exp.analysis.study.plan import GROUPS, Note, Plan, Run
from seq2exp.errors import InputError, nearest
from seq2exp.model.registry import entry
from seq2exp.training.phases import Wishes, check_seed

_WISHES = tuple(item.name for item in fields(Wishes))
_OPTIONS = ("model", "preset", "set", "from", "cells", *_WISHES)
_KINDS: dict[str, tuple[type, str]] = {
    **dict.fromkeys(("preset", "base", "from"), (str, "a text")),
    "seeds": (list, "a list of whole numbers"),
    "cells": (list, "a list of names"),
    "set": (dict, "names with values"),
}
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_KEYS = ("id", "group", "reason", "base", "seed", "seeds", *_OPTIONS)


def load_plan(path: str | Path) -> Plan:
    """Read a plan.

    Raises
    ------
    InputError
        A file that cannot be read, or an entry that no run can be made of.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no plan {path}; check the path.") from None
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"The plan {path} cannot be read ({_line(error)}).") from None
    if not isinstance(content, dict) or not isinstance(content.get("runs"), list):
        raise InputError(f"The plan {path} needs a list of runs under 'runs'.")
    defaults = content.get("defaults") or {}
    _known(defaults, _OPTIONS, f"{path}: defaults")
    runs: list[Run] = []
    for item in content["runs"]:
        runs += _runs(item, defaults, runs, path)
    ids = [run.id for run in runs]
    settings = {run.setting for run in runs}
    for name in ids:
        if ids.count(name) > 1:
            raise InputError(f"{path} has two runs {name!r}; give each an id of its own.")
    noted = content.get("notes") or []
    if not isinstance(noted, list):
        raise InputError(f"The plan {path} needs a list of notes under 'notes'.")
    notes = tuple(_note(item, {*ids, *settings}, path) for item in noted)
    title, about = str(content.get("title", path.stem)), str(content.get("about") or "")
    return Plan(path, title, " ".join(about.split()), tuple(runs), notes)


def _runs(item: Any, defaults: Mapping[str, Any], before: list[Run], path: Path) -> Iterator[Run]:
    """Yield the runs of one entry."""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        raise InputError(f"{path}: every run needs an id; {str(item)[:60]} has none.")
    where = f"{path}: run {item['id']}"
    if not _ID.fullmatch(item["id"]):
        raise InputError(
            f"{path}: the run id {item['id']!r} cannot name a file; use letters, digits, '.', '_' "
            "and '-', not '.' first."
        )
    _known(item, _KEYS, where)
    values = {**defaults, **item}
    _check_kinds(values, where)
    for name in ("group", "reason", "model"):
        if not isinstance(values.get(name), str):
            raise InputError(f"{where} needs a {name}.")
    if values["group"] not in GROUPS:
        raise InputError(f"{where}: {values['group']!r} is no group; use {', '.join(GROUPS)}.")
    entry(values["model"])
    seeds = values.get("seeds")
    if (seeds is None) == ("seed" not in values) or seeds == []:
        raise InputError(f"{where} needs either a seed or a list of seeds.")
    base = values.get("base")
    if values["group"] != "system" and base is None:
        raise InputError(f"{where} is no system: name the setting it differs from under 'base'.")
    if base is not None and base not in {run.setting for run in before}:
        raise InputError(f"{where}: its base {base!r} does not stand before it.")
    for seed in [values["seed"]] if seeds is None else seeds:
        try:
            check_seed(seed)
            run = Run(
                id=values["id"] if seeds is None else f"{values['id']}-s{seed}",
                setting=values["id"],
                group=values["group"],
                reason=" ".join(values["reason"].split()),
                model=values["model"],
                preset=values.get("preset") or "paper",
                seed=seed,
                cells=tuple(dict.fromkeys(values.get("cells") or ())) or None,
                wishes=Wishes(**{name: values[name] for name in _WISHES if name in values}),
                switches=dict(values.get("set") or {}),
                source=_source(values, seed, before),
                base=base,
            )
            run.options()
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        yield run


def _check_kinds(values: Mapping[str, Any], where: str) -> None:
    """Refuse what is no text, list or mapping where one is needed; nothing counts as left out."""
    for name, (kind, words) in _KINDS.items():
        value = values.get(name)
        fits = value is None or isinstance(value, kind)
        if fits and name in ("cells", "set"):
            fits = all(isinstance(part, str) for part in value or ())
        if not fits:
            raise InputError(f"{where}: its {name} is {value!r}; write {words}.")


def _source(values: Mapping[str, Any], seed: int, before: list[Run]) -> str | None:
    """Return the id of the run whose mask is taken."""
    if (values["model"] == "seq2exp-retrain") != ("from" in values):
        raise InputError("seq2exp-retrain, and nothing else, needs a 'from'.")
    if "from" not in values:
        return None
    name = values["from"]
    for run in before:
        if run.id == name or (run.setting == name and run.seed == seed):
            return run.id
    raise InputError(f"no run {name!r} of seed {seed} stands before it to start from.")


def _note(item: Any, known: set[str], path: Path) -> Note:
    values = {"text": item} if isinstance(item, str) else item
    if not isinstance(values, dict) or not isinstance(values.get("text"), str):
        raise InputError(f"{path}: a note needs a text; {str(item)[:60]} has none.")
    _known(values, ("text", "runs"), f"{path}: a note")
    runs = values.get("runs") or []
    if not isinstance(runs, list):
        raise InputError(f"{path}: a note's runs are {runs!r}; write a list of ids.")
    for name in map(str, runs):
        if name not in known:
            raise InputError(f"{path}: a note names the run {name!r}; {nearest(name, known)}")
    return Note(" ".join(values["text"].split()), tuple(map(str, runs)))


def _known(values: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(values, dict):
        raise InputError(f"{where} needs names with values.")
    for name in values:
        if name not in known:
            raise InputError(f"{where} has the unknown key {name!r}; {nearest(str(name), known)}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
