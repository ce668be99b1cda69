"""Train any of the systems on a data set and write it with a card that says what came of it.

Attention costs little here but length does: on a CPU, train on the central bases of each window
(`Wishes.window`), or on its open ones (`Wishes.compact`), then, if wanted, for a few steps on
longer ones. Most networks have no fixed length, and what is reported is always measured on whole
windows.
"""

import copy
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import card_path, load_model, save_model, suggested_threshold
from seq2exp.model.registry import configure, network
from seq2exp.model.retrain import Retrained
from seq2exp.model.scan import check as check_scan
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.card import Run, make_card, whole_log
from seq2exp.training.devices import Devices, disband, is_first
from seq2exp.training.evaluation import baselines
from seq2exp.training.examples import Progress, examples, members
from seq2exp.training.fit import Way, fit
from seq2exp.training.judge import judge_phases
from seq2exp.training.loader import check_shared
from seq2exp.training.phases import Wishes, check_seed, plan
from seq2exp.training.presets import preset_for
from seq2exp.training.progress import RichProgress
from seq2exp.training.report import SplitReport
from seq2exp.training.runfolder import FINISHED, check_out, check_run, folder_of, open_run
from seq2exp.training.truth import planted_truth


def train(
    dataset_path: str | Path,
    out: str | Path,
    *,
    model: str = "seq2exp-soft",
    preset: str = "paper",
    source: str | Path | None = None,
    cells: Sequence[str] | None = None,
    seed: int = 2222,
    wishes: Wishes | None = None,
    devices: Devices | None = None,
    scan: str = "auto",
    resume: bool = False,
    switches: Mapping[str, Any] | None = None,
    root: str | Path | None = None,
    title: str | None = None,
    command: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a network and write ``out`` (safetensors) with its card and its log beside it.

    While it runs, ``OUT.training/`` (`out` without its suffix) holds each phase's log, pictures,
    last state and best weights by validation MSE; it stays afterwards and may be deleted. On
    several devices every process runs this function, and the first one writes.

    Parameters
    ----------
    dataset_path, root : the data set's yaml, and the folder its paths start from.
    model, preset : a name of `seq2exp.model.registry.NAMES`; "paper", "demo" or "tiny".
    source : seq2exp-retrain only: the soft model whose mask it takes, frozen.
    switches : settings of the network by name that differ from the system's.
    cells : cell types to learn from, each once; default all with expression.
    seed : of the initial weights, the order of examples, and the sampled masks.
    wishes : how long and on what it is trained, where that is not the preset's.
    devices : where it is trained.
    scan : what runs the layers on the device: "auto", or a selective scan by its name.
    resume : go on from the last state of an interrupted run with the same settings.
    title, command : for the card; made from the settings where not given.
    progress : called as ``progress(fraction, text)``; default a bar on stderr.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    InputError
        Settings that no training can have, a data set without what training needs, a damaged
        state to resume from, or a loss that is no finite number any more.
    """
    # What needs no data is checked before any is read.
    out = Path(out)
    check_out(out)
    check_seed(seed)
    wishes = wishes or Wishes()
    usual = preset_for(model, preset)
    way = Way(devices or Devices(), usual.precision, scan)
    ranks, device = way.devices.place()
    check_scan(scan, device)
    mask_from = _mask_source(model, source, switches)
    config: Any = mask_from.config if mask_from else configure(model, preset, switches)
    dataset = Dataset.load(dataset_path, root=root)
    cells = dataset.measured_cells(cells)
    calibrated_on = usual.calibrate if wishes.calibrate is None else wishes.calibrate
    phases = plan(config, usual, wishes, len(members(dataset, "train", cells)))
    run = Run(
        dataset=dataset,
        dataset_path=dataset_path,
        out=out,
        model=model,
        preset=preset,
        cells=tuple(cells),
        seed=seed,
        config=config,
        phases=phases,
        calibrate=calibrated_on,
        lr_floor=wishes.lr_floor,
        source=None if source is None else Path(source),
    )
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for phase in phases:
        check_shared(phase.batch_size, ranks)
    if is_first():
        check_run(out, run.settings(), resume)
    torch.manual_seed(seed)
    net = Retrained.of(mask_from) if mask_from else network(model, config)
    untrained = copy.deepcopy(net)

    with _reporting(progress) as report:
        # Everything is assembled before the first step: an error there should not cost a run.
        held_out = {
            split: examples(dataset, split, cells, config.window, report)
            for split in ("validation", "test")
            if split == "validation" or dataset.splits.get("test")
        }
        longest = config.window if run.calibrate else max(phase.window for phase in phases)
        training = examples(dataset, "train", cells, longest, report)
        folder = open_run(out, run.settings(), resume) if is_first() else folder_of(out)
        truth = planted_truth(dataset, config.promoter)
        # A pass over whole windows takes longer than many steps of training on short ones.
        judge_count = usual.judge if wishes.judge is None else wishes.judge
        calibration = training.spread(run.calibrate) if run.calibrate else None
        whole = {split: found.spread(judge_count) for split, found in held_out.items()}
        for phase in phases:
            shortened = phase.compaction is not None or phase.window < config.window
            device = fit(
                net,
                phase,
                training,
                (held_out if shortened else whole)["validation"],
                folder / phase.name,
                seed=seed,
                way=way,
                truth=truth,
                report=report,
            )
        disband()
        if not is_first():
            return out
        outcome = judge_phases(
            net,
            [folder / phase.name for phase in phases],
            whole,
            calibration=calibration,
            untrained=untrained,
            truth=truth,
            device=device,
            progress=report,
        )
    reports = {}
    for split, found in outcome.splits.items():
        simple = baselines(training, whole[split])
        reports[split] = SplitReport(
            len(whole[split]), found.fit, simple["mean"], simple["linear"], found.mask
        )
    card = make_card(run, training, reports, outcome, title=title, command=command)
    # Made in the run's folder, where a resumed run finds what a killed one has left.
    made = folder / out.name
    save_model(made, net.cpu().eval(), card)
    log = made.with_suffix(".log.csv")
    log.write_text(whole_log(folder, phases[: outcome.phase + 1]))
    for path in (log, card_path(made), made):
        os.replace(path, out.with_name(path.name))
    (folder / FINISHED).touch()
    return out


def _mask_source(
    model: str, source: str | Path | None, switches: Mapping[str, Any] | None
) -> Seq2Exp | None:
    """Return the network whose mask is retrained on, None where nothing is."""
    if model != "seq2exp-retrain":
        if source is not None:
            raise InputError(
                f"{model} starts from nothing: leave out --from, which is for seq2exp-retrain."
            )
        return None
    if source is None:
        raise InputError(
            "seq2exp-retrain takes the mask of a trained soft model: name its file with --from."
        )
    if switches:
        raise InputError(
            "seq2exp-retrain has the settings of the model it takes its mask from; leave out --set."
        )
    found, card = load_model(source)
    found.config = replace(found.config, threshold=suggested_threshold(card))
    return found


@contextmanager
def _reporting(progress: Progress | None) -> Iterator[Progress]:
    """Yield what reports progress: the first process does."""
    if not is_first():
        yield lambda fraction, text: None
    elif progress is not None:
        yield progress
    else:
        with RichProgress() as bars:
            yield bars


def parse_switches(texts: Sequence[str]) -> dict[str, Any]:
    """Return model settings from ``name=value`` texts; values as YAML, e.g. ``kl_weight=0.1``."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            found[name.strip()] = _value(value)
        except yaml.YAMLError:
            equals = ""
        if not equals:
            raise InputError(f"Cannot read the setting {text!r}: write it as name=value.")
    return found


def _value(text: str) -> Any:
    value = yaml.safe_load(text)
    if isinstance(value, str):
        with suppress(ValueError):  # of 1e-3, which has no point, YAML makes a text
            return float(value)
    return value
