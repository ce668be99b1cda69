"""Deleting planted elements under a study's masks: the rows that stay, and what is refused."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from seq2exp import cli
from seq2exp.analysis.evaluate import Options
from seq2exp.analysis.evaluate.deletions import deletion_rows
from seq2exp.analysis.evaluate.planted import Planted
from seq2exp.analysis.results import COLUMNS, load_results
from seq2exp.analysis.study.collect import evaluate_runs
from seq2exp.analysis.study.deleting import delete_planted
from seq2exp.analysis.study.document import report
from seq2exp.analysis.study.reading import load_plan
from seq2exp.analysis.study.training import train_runs
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.training.devices import Devices
from seq2exp.training.examples import examples

PLAN = """\
title: Deletions
about: Of planted elements.
defaults: {preset: tiny, cells: [cell-a], steps: 2, batch_size: 2, window: 2048, validate_every: 2}
runs:
  - {id: soft, group: system, reason: M., model: seq2exp-soft, seeds: [1, 2], set: {window: 20000}}
  - {id: open, group: system, reason: Open., model: caduceus-signals, seed: 1, set: {window: 20000}}
  - {id: later, group: system, reason: Not trained here., model: seq2exp-hard, seed: 1}
"""
LENGTH = 20_000


@pytest.fixture(scope="module")
def study(evaluation_demo: Path, small: Path, tmp_path_factory: pytest.TempPathFactory):
    """A plan, a data set with planted elements, runs, and their results without deletions."""
    folder = tmp_path_factory.mktemp("deleting")
    (folder / "plan.yaml").write_text(PLAN)
    plan = load_plan(folder / "plan.yaml")
    told = train_runs(
        plan,
        small,
        folder / "runs",
        only=["soft", "open"],
        devices=Devices(accelerator="cpu"),
        progress=lambda *said: None,
    )
    assert [one.what for one in told] == ["trained"] * 3
    options = Options(length=LENGTH, cuts=(), replicates=15, seed=4, device="cpu")
    evaluate_runs(plan, evaluation_demo, folder / "runs", folder / "results", options)
    return plan, evaluation_demo, folder / "runs", folder / "results"


@pytest.fixture
def results(study, tmp_path) -> Path:
    """A copy of the results to work on."""
    shutil.copytree(study[3], tmp_path / "results")
    return tmp_path / "results"


def test_systems_with_a_mask_are_judged_on_the_evaluated_examples(study, results):
    plan, dataset, runs, _ = study
    said = []
    found = delete_planted(
        *(plan, dataset, runs, results),
        count=3,
        device="cpu",
        progress=lambda done, text: said.append((done, text)),
    )
    assert set(found["model_id"]) == {"soft-s1", "soft-s2"} and set(found["rule"]) == {"soft"}
    assert list(found.columns) == list(COLUMNS["deletions"])
    pd.testing.assert_frame_equal(
        found, load_results(results).deletions, check_dtype=False, check_column_type=False
    )
    data = Dataset.load(dataset)
    planted = Planted(data, examples(data, "test", data.measured_cells(), LENGTH).spread(3))
    expected = deletion_rows(
        Predictor(runs / "soft-s2.safetensors", "cpu"),
        data,
        planted,
        {"model": "seq2exp-soft", "model_id": "soft-s2", "seed": 2},
        replicates=15,
        seed=4,
    )
    mine = found[found["model_id"] == "soft-s2"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, pd.DataFrame(expected), check_dtype=False)
    assert (1.0, "Deleting planted elements, soft-s2: 100% done") in said
    text = report(plan, results)
    section = text.partition("## In-silico deletion\n")[2].partition("\n## ")[0]
    assert section.count("Seq2Exp-soft (soft-s2)") == len(expected)


def test_another_rule_stands_beside_and_the_same_is_replaced(study, results, capsys):
    plan, dataset, runs, _ = study
    first = delete_planted(plan, dataset, runs, results, only=["soft-s1"], count=2, device="cpu")
    arguments = ["study", "delete", plan.path, "--dataset", dataset, "--runs", runs]
    arguments += ["--results", results, "--only", "soft-s1", "--hard", "--examples", 1]
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in [*arguments, "--device", "cpu"]])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"{results / 'deletions.parquet'}\n"
    both = load_results(results).deletions
    assert dict(zip(both["rule"], both["n_examples"], strict=True)) == {"soft": 2, "hard": 1}
    predictor = Predictor(runs / "soft-s1.safetensors", "cpu")
    data = Dataset.load(dataset)
    planted = Planted(data, examples(data, "test", data.measured_cells(), LENGTH).spread(1))
    rule = MaskRule("hard", predictor.default_rule.threshold)
    label = {"model": "seq2exp-soft", "model_id": "soft-s1", "seed": 1}
    expected = deletion_rows(predictor, data, planted, label, rule=rule, replicates=15, seed=4)
    mine = both[both["rule"] == "hard"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, pd.DataFrame(expected), check_dtype=False)
    again = delete_planted(plan, dataset, runs, results, only=["soft-s1"], count=1, device="cpu")
    assert dict(zip(again["rule"], again["n_examples"], strict=True)) == {"soft": 1, "hard": 1}
    assert len(again[again["rule"] == "soft"]) == len(first)


def test_what_cannot_be_deleted_is_said(study, small, results, tmp_path):
    plan, dataset, runs, _ = study
    with pytest.raises(InputError, match="open has no mask"):
        delete_planted(plan, dataset, runs, results, only=["open"])
    with pytest.raises(InputError, match=r"later is not in .*: train it first"):
        delete_planted(plan, dataset, runs, results, only=["later"])
    with pytest.raises(InputError, match=r"No system of .* with a mask is in"):
        delete_planted(plan, dataset, tmp_path, results)
    with pytest.raises(InputError, match="no results of an evaluation"):
        delete_planted(plan, dataset, runs, tmp_path / "none")
    with pytest.raises(InputError, match="with another digest than"):
        delete_planted(plan, small, runs, results)
    about = json.loads((results / "evaluate.json").read_text())
    about["dataset"]["digest"] = Dataset.load(small).digest
    (results / "evaluate.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match="Nothing is planted in"):
        delete_planted(plan, small, runs, results)
    assert not (results / "deletions.parquet").exists()
