"""A small study from its plan to its report: trained, interrupted, evaluated, written down."""

import contextlib
import io
import json
import re
import shutil

import pandas as pd
import pytest

from seq2exp import cli
from seq2exp.analysis.results import benchmarks_dir
from seq2exp.analysis.study.collect import collect_runs, evaluate_runs
from seq2exp.analysis.study.document import report
from seq2exp.analysis.study.reading import load_plan
from seq2exp.analysis.study.training import train_runs
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.training.devices import Devices

PLAN = """\
title: A small study
about: Of next to nothing.
defaults:
  preset: tiny
  cells: [cell-a]
  steps: 4
  batch_size: 2
  window: 2048
  validate_every: 4
  set: {window: 4096}
runs:
  - {id: soft, group: system, reason: As published., model: seq2exp-soft, seeds: [1, 2]}
  - id: retrain
    group: system
    reason: On the highest tenth.
    model: seq2exp-retrain
    seed: 1
    from: soft
    set: {}
  - {id: broken, group: system, reason: Too short., model: caduceus, seed: 1, window: 3}
  - id: strict
    group: ablation
    base: soft
    reason: More of the KL.
    model: seq2exp-soft
    seed: 1
    set: {window: 4096, kl_weight: 0.5}
  - id: later
    group: prior
    base: soft
    reason: Not trained here.
    model: seq2exp-soft
    seed: 1
    set: {window: 4096, prior_mean: 0.3}
notes:
  - {text: A strong KL closed the mask., runs: [strict]}
"""
MACHINE = {"processor": "A processor", "cores": 3, "gpu": None}
ONLY = ("soft", "retrain", "broken", "strict")


class Crashed(Exception):
    """Nobody foresaw it."""


@pytest.fixture(scope="module")
def trained(small, tmp_path_factory):
    """The plan, the folder of runs, and what became of them the first and the second time."""
    folder = tmp_path_factory.mktemp("study")
    path = folder / "plan.yaml"
    path.write_text(PLAN)
    plan, runs = load_plan(path), folder / "runs"

    crashes = [Crashed("in the\nmiddle")]

    def crash_once(fraction, text):
        if "phase: step" in text and crashes:  # of many steps a second, not every one is told
            raise crashes.pop()

    on_cpu = {"devices": Devices(accelerator="cpu"), "machine": MACHINE}
    with contextlib.redirect_stderr(io.StringIO()) as said:
        crashed = train_runs(plan, small, runs, only=["soft"], progress=crash_once, **on_cpu)
    assert "Traceback" in said.getvalue() and "Crashed: in the" in said.getvalue()
    assert [(one.run.id, one.failed) for one in crashed] == [("soft-s1", True), ("soft-s2", False)]
    assert crashed[0].what.startswith("Crashed: in the middle (")
    first = train_runs(plan, small, runs, only=ONLY, progress=lambda *told: None, **on_cpu)
    again = train_runs(plan, small, runs, only=ONLY, progress=lambda *told: None, **on_cpu)
    return plan, runs, first, again


@pytest.fixture(scope="module")
def collected(trained, small):
    plan, runs, *_ = trained
    out = runs.parent / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(runs.parent)
        arguments = ["study", "evaluate", plan.path, "--dataset", small, "--runs", runs]
        arguments += ["--out", out, "--length", 4_096, "--replicates", 10, "--device", "cpu"]
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
    assert end.value.code == 0
    return plan, out


def test_what_is_missing_is_trained_and_what_was_stopped_goes_on(trained):
    _, runs, first, again = trained
    told = {one.run.id: one.what for one in first if not one.failed}
    assert told == {
        "soft-s1": "resumed",
        "soft-s2": "there already",
        "retrain": "trained",
        "strict": "trained",
    }
    assert [one.run.id for one in first if one.failed] == ["broken"]
    assert "window of 3 bp" in next(one.what for one in first if one.failed)
    assert {one.what for one in again if not one.failed} == {"there already"}
    card = json.loads((runs / "soft-s1.json").read_text())
    assert card["machine"] == MACHINE and card["seed"] == 1


def test_a_card_is_what_its_run_says_and_nothing_else(trained):
    plan, runs, *_ = trained
    for name in ("soft-s1", "retrain", "strict"):
        card = json.loads((runs / f"{name}.json").read_text())
        assert plan.run(name).differences(card) == []
    other = plan.run("soft-s2").differences(card)
    assert other == ["seed 1 instead of 2", "kl_weight 0.5 instead of 0.01"]


def moved(runs, tmp_path):
    """The cards and weights of the runs in another folder."""
    folder = tmp_path / "runs"
    folder.mkdir()
    for path in [*runs.glob("*.json"), *runs.glob("*.safetensors")]:
        shutil.copy(path, folder)
    return folder


def test_runs_of_different_data_are_not_evaluated_together(trained, small, tmp_path):
    plan, folder = trained[0], moved(trained[1], tmp_path)
    card = json.loads((folder / "strict.json").read_text())
    card["dataset"]["digest"] = "0" * 64
    (folder / "strict.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"strict were trained on another build .* soft-s1 and 2"):
        evaluate_runs(plan, small, folder, tmp_path / "out")


def test_a_run_under_the_mask_of_weights_that_are_gone_is_refused(trained, small, tmp_path):
    plan, folder = trained[0], moved(trained[1], tmp_path)
    shutil.copy(folder / "soft-s2.safetensors", folder / "soft-s1.safetensors")
    said = r"retrain\.safetensors takes its mask from another soft-s1 .* can be trained anew"
    (again,) = train_runs(plan, small, folder, only=["retrain"])
    assert again.failed and re.search(said, again.what)
    with pytest.raises(InputError, match=said):
        evaluate_runs(plan, small, folder, tmp_path / "out")


def test_a_run_that_is_not_the_plans_is_not_taken_for_it(trained, small, tmp_path):
    runs = trained[1]
    changed = tmp_path / "plan.yaml"
    changed.write_text(PLAN.replace("kl_weight: 0.5", "kl_weight: 0.6"))
    (other,) = train_runs(load_plan(changed), small, runs, only=["strict"])
    assert other.failed and "kl_weight 0.5 instead of 0.6" in other.what
    with pytest.raises(InputError, match="is not the run that the plan describes"):
        evaluate_runs(load_plan(changed), small, runs, tmp_path / "out")


def test_training_on_the_command_line_says_what_became_of_each_run(trained, small, capsys):
    plan, runs, *_ = trained
    arguments = ["study", "train", plan.path, "--dataset", small, "--runs", runs]
    arguments += [word for name in ONLY for word in ("--only", name)]
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in [*arguments, "--accelerator", "cpu"]])
    out, err = capsys.readouterr()
    assert end.value.code == 2 and "Not trained: broken" in err
    assert "soft-s1: there already\n" in out and "broken: A training window of 3 bp" in out


def test_a_mask_that_is_not_there_cannot_be_retrained_on(trained, small, tmp_path):
    (missing,) = train_runs(trained[0], small, tmp_path, only=["retrain"])
    assert missing.failed and "train soft-s1 first" in missing.what


def test_systems_are_evaluated_and_all_cards_are_kept(collected):
    _, out = collected
    fit = pd.read_parquet(out / "fit.parquet")
    assert set(fit["model_id"]) == {"soft-s1", "soft-s2", "retrain"}
    names = sorted(path.name for path in (out / "runs").iterdir())
    ids = ("retrain", "soft-s1", "soft-s2", "strict")
    assert names == [f"{name}{end}" for name in ids for end in (".json", ".log.csv")]
    draws = pd.read_parquet(out / "draws.parquet")
    assert {len(row) for row in draws["draws"]} == {10}


def test_ablations_trained_since_are_collected(trained, collected, tmp_path, capsys):
    plan, runs, *_ = trained
    out = tmp_path / "results"
    shutil.copytree(collected[1], out)
    before = {path.name: path.read_bytes() for path in (out / "runs").iterdir()}
    (out / "runs" / "strict.json").unlink()
    with pytest.raises(SystemExit) as end:
        cli.main(["study", "collect", str(plan.path), "--runs", str(runs), "--results", str(out)])
    assert end.value.code == 0 and capsys.readouterr().out == f"{out}\n"
    assert {path.name: path.read_bytes() for path in (out / "runs").iterdir()} == before
    with pytest.raises(InputError, match="no results of an evaluation"):
        collect_runs(plan, runs, tmp_path)


def test_the_report_is_made_from_the_results_alone(collected, small):
    plan, out = collected
    text = report(plan, out, "seq2exp study report")
    assert text.startswith("# A small study\n\nMade by `seq2exp study report`; do not edit.\n\nOf ")
    sections = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert sections == [
        "What was evaluated, on what",
        "Targets",
        "What was trained",
        "Prediction",
        "Shorter windows",
        "What moved the masks",
        "Ablations",
        "What was tried and did not work",
        "Not run",
    ]
    assert Dataset.load(small).digest[:16] in text and "A processor, 3 cores" in text
    assert "No coupled model was evaluated" in text
    ablations = text.partition("## Ablations")[2].partition("\n## ")[0]
    assert "### From soft" in ablations and "| soft | (the base) | 2 |" in ablations
    assert "| strict | kl_weight 0.5 (was 0.01) | 1 |" in ablations
    assert "- A strong KL closed the mask. (runs: strict)\n" in text
    missing = text.partition("## Not run")[2]
    assert "- later (Seq2Exp-soft, prior): Not trained here.\n" in missing
    assert "- broken" in missing and "soft-s1" not in missing
    # Of the retrained one no gradient reaches the mask, and of the ablation's there is.
    moved = text.partition("## What moved")[2].partition("\n## ")[0]
    assert moved.count("| soft |") == moved.count("| strict |") == 3 and "retrain" not in moved


def test_the_numbers_of_the_report_are_those_of_the_tables(collected):
    plan, out = collected
    fit = pd.read_parquet(out / "fit.parquet")
    rows = fit[(fit["model"] == "seq2exp-soft") & (fit["cell"] == "all") & (fit["window"] == 4_096)]
    expected = f"{rows['mse'].mean():.4f} ± {rows['mse'].std():.4f}"
    text = report(plan, out)
    line = next(
        row for row in text.splitlines() if row.startswith("| Seq2Exp-soft | 4,096 bp | 2 |")
    )
    assert expected in line and "0.1856 ± 0.0032" in line
    head = next(row for row in text.splitlines() if row.startswith("| System | Window | Seeds |"))
    assert "MSE K562 (published, real data)" in head


def test_the_report_on_the_command_line(collected, tmp_path, capsys):
    plan, out = collected
    target = tmp_path / "study.md"
    with pytest.raises(SystemExit) as end:
        cli.main(["study", "report", str(plan.path), "--results", str(out), "--out", str(target)])
    assert end.value.code == 0 and capsys.readouterr().out == f"{target}\n"
    assert target.read_text().startswith("# A small study")


def test_the_report_of_the_repository_is_made_from_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(benchmarks_dir().parents[1])
    kept, results = benchmarks_dir(), tmp_path / "demo"
    shutil.copytree(kept / "demo", results, ignore=shutil.ignore_patterns("runs"))
    plan = load_plan(kept / "demo-study.yaml")
    with pytest.raises(InputError, match=r"holds no cards of .*: fill it with 'seq2exp study coll"):
        report(plan, results)
    collect_runs(plan, kept / "demo-runs", results)
    made = report(plan, results).partition("\n\n")[2]
    assert (kept / "demo-study.md").read_text().endswith(made)


def test_nothing_can_be_reported_of_nothing(trained, tmp_path):
    plan, *_ = trained
    with pytest.raises(InputError, match="holds nothing of the study"):
        report(plan, tmp_path)
    with pytest.raises(InputError, match="no folder of results"):
        report(plan, tmp_path / "none")
    with pytest.raises(InputError, match=r"No system of .*plan\.yaml is in"):
        evaluate_runs(plan, tmp_path / "d.yaml", tmp_path, tmp_path / "out")
