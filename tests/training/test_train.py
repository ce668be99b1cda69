"""Whole runs of a tiny network on a tiny data set."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import load_model
from seq2exp.training import train as train_module
from seq2exp.training.batches import examples
from seq2exp.training.callbacks import Report, load_best
from seq2exp.training.evaluation import evaluate, run_model
from seq2exp.training.progress import RichProgress
from seq2exp.training.train import parse_switches, train

WINDOW = 2_048


def run(small: Path, out: Path, **changes: object) -> Path:
    settings: dict = {
        "variant": "soft",
        "preset": "tiny",
        "cells": ["cell-a", "cell-b"],
        "seed": 3,
        "steps": 16,
        "batch_size": 4,
        "window": WINDOW,
        "lr": 2e-2,
        "validate_every": 6,
        "accelerator": "cpu",
        "switches": {"window": 4_096},
        "progress": lambda fraction, text: None,
    }
    return train(small, out, **{**settings, **changes})


@pytest.fixture(scope="module")
def trained(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two phases."""
    out = tmp_path_factory.mktemp("run") / "tiny.safetensors"
    return run(small, out, finetune_steps=3, finetune_window=3_000, finetune_batch_size=2)


def log(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_loss_falls_and_the_log_says_so(trained: Path) -> None:
    rows = log(trained.with_suffix(".training") / "first")
    losses = [float(row["loss"]) for row in rows if row["loss"]]
    assert losses[-1] < 0.7 * losses[0]
    for row in rows:
        if row["loss"]:
            total = float(row["prediction"]) + 0.01 * float(row["kl"])
            assert float(row["loss"]) == pytest.approx(total, rel=1e-3)
    assert [int(row["step"]) for row in rows if row["val_mse"]] == [6, 12, 16]


def test_the_card_says_everything(trained: Path, small: Path) -> None:
    _, card = load_model(trained)
    dataset = Dataset.load(small)
    assert card["id"] == "tiny"
    assert card["variant"] == "soft"
    assert card["config"]["window"] == 4_096
    assert card["dataset"] == {"name": "small", "digest": dataset.digest, "simulated": True}
    assert card["cells"] == ["cell-a", "cell-b"]
    assert card["seed"] == 3
    assert card["label"] == "log10(CAGE + 1)"
    assert {"python", "torch", "seq2exp"} <= card["versions"].keys()
    assert card["training"]["examples"] == 16
    assert 0 < card["trained_steps"] <= 19
    for word in ("--variant soft", "--preset tiny", "--window 2048", "--finetune-window 3000"):
        assert word in card["command"]
    assert "--set window=4096" in card["command"]
    assert 0 < card["threshold"] < 1
    for split, count in (("validation", 8), ("test", 6)):
        metrics = card["metrics"][split]
        assert metrics["examples"] == count
        assert 0 < metrics["mask_ratio"] < 1
        for part in (metrics, metrics["mean_predictor"], metrics["linear_nine_features"]):
            assert part["mse"] > 0
            assert part["mae"] > 0
        assert "mask" not in metrics  # nothing is planted here
    mse = card["metrics"]["test"]["mse"]
    assert f"MSE of log10 expression is {mse:.3f}" in card["summary"]
    assert "not known here" in card["summary"]
    json.dumps(card, allow_nan=False)


def test_the_reported_error_is_that_of_the_file_on_whole_windows(
    trained: Path, small: Path
) -> None:
    model, card = load_model(trained)
    dataset = Dataset.load(small)
    train_label = examples(dataset, "train", card["cells"], WINDOW).label
    errors, labels = [], []
    for cell in card["cells"]:
        for gene in dataset.example_genes(cell, "test"):
            window = dataset.window(gene, cell).crop(4_096)
            with torch.no_grad():
                out = model(
                    torch.from_numpy(window.one_hot)[None],
                    torch.from_numpy(window.signals)[None],
                    torch.from_numpy(window.features)[None],
                    torch.from_numpy(window.blacklist)[None],
                )
            errors.append(out.prediction.item() - window.label)
            labels.append(window.label)
    found = card["metrics"]["test"]
    assert found["mse"] == pytest.approx(np.mean(np.square(errors)), rel=1e-4)
    mean = np.mean((np.array(labels) - train_label.mean()) ** 2)
    assert found["mean_predictor"]["mse"] == pytest.approx(mean, rel=1e-4)


def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        pass

    def kill_at(step: int) -> None:
        def stop(self: Report, trainer: object, *rest: object) -> None:
            if trainer.global_step == step:  # type: ignore[attr-defined]
                raise Killed

        monkeypatch.setattr(Report, "on_train_batch_end", stop)

    whole = run(small, tmp_path / "whole.safetensors")
    with monkeypatch.context():
        kill_at(9)
        with pytest.raises(Killed):
            run(small, tmp_path / "cut.safetensors")
        with pytest.raises(InputError, match="unfinished run"):
            run(small, tmp_path / "cut.safetensors")
        with pytest.raises(InputError, match="other settings"):
            run(small, tmp_path / "cut.safetensors", resume=True, seed=4)
        kill_at(14)
        with pytest.raises(Killed):
            run(small, tmp_path / "cut.safetensors", resume=True)
    monkeypatch.undo()
    cut = run(small, tmp_path / "cut.safetensors", resume=True)
    folders = [path.with_suffix(".training") / "first" for path in (whole, cut)]
    models, cards = zip(*(load_model(path) for path in (whole, cut)), strict=True)
    for name, value in models[0].state_dict().items():
        torch.testing.assert_close(models[1].state_dict()[name], value, rtol=0, atol=0)
    assert cards[0]["metrics"] == cards[1]["metrics"]
    kept = [load_best(folder / "best.pt") for folder in folders]
    assert (kept[0]["step"], kept[0]["mse"]) == (kept[1]["step"], kept[1]["mse"])
    logs = [[{**row, "seconds": ""} for row in log(folder)] for folder in folders]
    assert logs[0] == logs[1]


def test_the_same_seed_gives_the_same_model_and_another_one_does_not(
    small: Path, tmp_path: Path
) -> None:
    found = [
        load_model(run(small, tmp_path / f"{i}.safetensors", steps=2, validate_every=2, seed=seed))
        for i, seed in enumerate((5, 5, 6))
    ]
    weights = [model.state_dict()["mask_output.weight"] for model, _ in found]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    # A finished run may be done again.
    run(small, tmp_path / "0.safetensors", steps=2, validate_every=2)


def test_the_hard_variant_trains(small: Path, tmp_path: Path) -> None:
    out = run(small, tmp_path / "h.safetensors", variant="hard", steps=2, validate_every=1)
    _, card = load_model(out)
    assert card["variant"] == "hard"
    assert card["config"]["prior_mean"] == 0.45


def test_planted_truth_is_scored(small: Path, tmp_path: Path) -> None:
    model, card = load_model(run(small, tmp_path / "m.safetensors", steps=1, validate_every=1))
    held_out = examples(Dataset.load(small), "test", card["cells"], 4_096)

    def truth(example: object) -> tuple[np.ndarray, np.ndarray]:
        counted = np.ones(4_096, bool)
        counted[1_048:3_048] = False
        true = np.zeros(4_096, bool)
        true[500:900] = True
        return true, counted

    found = evaluate(model, held_out, untrained=model, truth=truth)
    assert found.mask_scores is not None
    assert found.mask_scores.causal == pytest.approx(400 / 2_096)
    assert found.mask_scores.mask == found.mask_scores.untrained
    # The mask's mean is that of the posterior, before edits.
    batch = held_out.batch(np.arange(len(held_out)))
    with torch.no_grad():
        out = run_model(model, batch)
        promoter = torch.zeros_like(out.mask)
        promoter[:, 1_048:3_048] = 1
        alone = model.predict(batch.one_hot, batch.signals, batch.features, promoter)
    mse = ((alone - batch.label) ** 2).mean().item()
    assert found.promoter_only.mse == pytest.approx(mse, rel=1e-4)
    assert found.mask_ratio == pytest.approx(out.mask.mean().item(), rel=1e-5)
    high = np.quantile((out.alpha / (out.alpha + out.beta)).numpy(), 0.9, axis=1)
    assert found.mask_p90 == pytest.approx(high.mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"variant": "medium"}, "Unknown variant 'medium'"),
        ({"preset": "huge"}, "Unknown model size 'huge'"),
        ({"switches": {"kl_wieght": 1}}, "kl_weight"),
        ({"cells": ["K562"]}, "no cell type 'K562'"),
        ({"cells": ["cell-c"]}, "no expression table"),
        ({"steps": 0}, "steps of the first phase must be above 0"),
        ({"window": 8_000}, "8,000 bp does not fit this model"),
        ({"validate_every": 17}, "Validate every 1 to 16 steps"),
        ({"resume": True}, "no run to resume"),
    ],
)
def test_bad_settings_are_named_and_leave_nothing(
    small: Path, tmp_path: Path, changes: dict, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        run(small, tmp_path / "x.safetensors", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_file_name_is_named(small: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.safetensors"):
        run(small, tmp_path / "x.pt")
    (tmp_path / "x.training").mkdir()
    (tmp_path / "x.training" / "thesis.txt").touch()
    with pytest.raises(InputError, match="in the way"):
        run(small, tmp_path / "x.safetensors")
    assert (tmp_path / "x.training" / "thesis.txt").exists()


def test_settings_from_text() -> None:
    assert parse_switches(["kl_weight=0.1", "signal_scale=[0.1, 0.3, 1]", "combine=sum"]) == {
        "kl_weight": 0.1,
        "signal_scale": [0.1, 0.3, 1],
        "combine": "sum",
    }
    for text in ("kl_weight", "x=[1"):
        with pytest.raises(InputError, match="name=value"):
            parse_switches([text])


def test_progress_is_drawn_or_logged() -> None:
    for terminal in (True, False):
        console = Console(record=True, width=160, force_terminal=terminal, quiet=False)
        with RichProgress(console) as progress:
            progress(0.5, "Training: step 5 of 10")
            progress(1.0, "Training: step 10 of 10")
        assert "Training: step 10 of 10" in console.export_text()
    assert train_module.FINISHED
