"""Whole runs of a tiny network on a tiny data set."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from runs_for_tests import WINDOW, run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import load_model
from seq2exp.training import train as training
from seq2exp.training.evaluation import evaluate
from seq2exp.training.examples import examples
from seq2exp.training.logs import Report
from seq2exp.training.networks import run_network
from seq2exp.training.progress import RichProgress
from seq2exp.training.states import load_best
from seq2exp.training.train import parse_switches


@pytest.fixture(scope="module")
def trained(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two phases."""
    out = tmp_path_factory.mktemp("run") / "tiny.safetensors"
    longer = {"finetune_steps": 3, "finetune_window": 3_000, "finetune_batch_size": 2}
    return run(small, out, calibrate=6, **longer)


def log(folder: Path) -> list[dict[str, str]]:
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_loss_falls_and_the_log_says_so(trained: Path) -> None:
    rows = log(trained.with_suffix(".training") / "first")
    losses = [float(row["loss"]) for row in rows if row["loss"]]
    assert losses[-1] < 0.7 * losses[0]
    for row in rows:
        if row["loss"]:
            total = float(row["prediction"]) + float(row["sparsity"])
            assert float(row["loss"]) == pytest.approx(total, rel=1e-3)
    assert [int(row["step"]) for row in rows if row["val_mse"]] == [6, 12, 16]
    measured = [row for row in rows if row["grad_sparsity"]]
    assert [int(row["step"]) for row in measured] == [0, 6, 12, 16]
    assert all(float(row["grad_prediction"]) > 0 for row in measured)


def test_the_log_is_there_for_tensorboard_and_beside_the_card(trained: Path) -> None:
    folder = trained.with_suffix(".training")
    board = EventAccumulator(str(folder / "first" / "tensorboard"))
    board.Reload()
    rows = log(folder / "first")
    for name in ("loss", "val_mse", "grad_prediction"):
        wanted = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
        found = [(event.step, event.value) for event in board.Scalars(name)]
        assert [step for step, _ in found] == [step for step, _ in wanted]
        assert [v for _, v in found] == pytest.approx([v for _, v in wanted], rel=1e-4)
    with open(trained.with_suffix(".log.csv"), newline="") as file:
        whole = list(csv.DictReader(file))
    assert whole[: len(rows)] == rows
    _, card = load_model(trained)
    longer = log(folder / "longer") if card["training"]["kept"]["phase"] == "longer" else []
    assert whole[len(rows) :] == longer
    seconds = [max(float(row["seconds"]) for row in part) for part in (rows, longer) if part]
    assert card["trained_seconds"] == pytest.approx(sum(seconds), abs=0.1)


def test_every_validation_leaves_a_picture(trained: Path) -> None:
    folder = trained.with_suffix(".training") / "first" / "masks"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["step-000006.png", "step-000012.png", "step-000016.png"]
    colours = np.asarray(Image.open(folder / names[0]).convert("RGB")).reshape(-1, 3)
    assert {(0, 114, 178), (213, 94, 0)} <= set(map(tuple, colours))  # DNase and the mask


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
    assert card["training"]["calibrated"]["windows"] == 6
    assert 0 < card["trained_steps"] <= 19
    assert card["model"] == "seq2exp-soft"
    assert card["window"] in (2_048, 3_000)
    assert card["trained_seconds"] > 0
    for word in (
        "--model seq2exp-soft",
        "--preset tiny",
        "--window 2048",
        "--finetune-window 3000",
        "--calibrate 6",
    ):
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
    boards = [EventAccumulator(str(folder / "tensorboard")).Reload() for folder in folders]
    for name in ("loss", "val_mse"):
        events = [[(e.step, e.value) for e in board.Scalars(name)] for board in boards]
        assert events[0] == events[1]


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
        out = run_network(model, batch)
        promoter = torch.zeros_like(out.mask)
        promoter[:, 1_048:3_048] = 1
        alone = model.predict(batch.one_hot, batch.signals, batch.features, promoter)
    mse = ((alone - batch.label) ** 2).mean().item()
    assert found.promoter_only.mse == pytest.approx(mse, rel=1e-4)
    assert found.mask_ratio == pytest.approx(out.mask.mean().item(), rel=1e-5)
    high = np.quantile((out.alpha / (out.alpha + out.beta)).numpy(), 0.9, axis=1)
    assert found.mask_high == pytest.approx(high.mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "seq2exp-sotf"}, "Unknown model 'seq2exp-sotf'; did you mean 'seq2exp-soft'"),
        ({"model": "seq2exp-retrain"}, "name its file with --from"),
        ({"source": "soft.safetensors"}, "leave out --from"),
        ({"model": "caduceus", "switches": {"widht": 9}}, "did you mean 'width'"),
        ({"strategy": "ddp_spawn"}, "use ddp"),
        ({"accelerator": "abacus"}, "no training on accelerator abacus"),
        ({"accelerator": "tpu"}, "no training on accelerator tpu"),
        ({"devices": "abc"}, "no training on accelerator cpu, devices abc"),
        ({"seed": -1}, "seed is -1; choose a whole number"),
        ({"seed": 10**22}, "choose a whole number from 0 to"),
        ({"judge": 0}, "judged on 0 windows; choose 1 or more"),
        ({"judge": -1}, "judged on -1 windows"),
        ({"lr": float("nan")}, "lr is nan; it must be a finite number"),
        ({"lr": 1e30}, "learning rate of the first phase is 1e\\+30"),
        ({"lr_floor": 0.5}, "last learning rate of the first phase is 0.5; choose one from 0"),
        ({"lr_floor": -1e-5}, "last learning rate of the first phase is -1e-05"),
        ({"switches": {"width": "abc"}}, "width is 'abc'; it must be a whole number"),
        ({"scan": "tritno"}, "Unknown scan implementation 'tritno'; use one of auto, torch"),
        ({"scan": "triton"}, "Scan implementation 'triton' cannot run on cpu tensors"),
        ({"compact": 2_000}, "choose a multiple of 128 above the promoter's 2,000"),
        ({"compact": 2_432}, "Windows of 2,048 bp cannot be cut down to 2,432 bp"),
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
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict, says: str
) -> None:
    monkeypatch.setattr(training, "examples", None)  # all is checked before windows are assembled
    if changes.keys() & {"accelerator", "devices", "seed", "judge", "scan", "switches"}:
        small = tmp_path / "none.yaml"  # and what needs no data, before any is read
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
    (tmp_path / "y.training").touch()
    with pytest.raises(InputError, match="in the way"):
        run(small, tmp_path / "y.safetensors")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file is no folder; choose another place"):
        run(tmp_path / "none.yaml", tmp_path / "file" / "deep" / "x.safetensors")
    (tmp_path / "z.safetensors").mkdir()
    with pytest.raises(InputError, match=r"z\.safetensors is a folder"):
        run(tmp_path / "none.yaml", tmp_path / "z.safetensors")


def test_settings_from_text() -> None:
    texts = ["kl_weight=0.1", "ratio=1e-3", "signal_scale=[0.1, 0.3, 1]", "combine=sum"]
    assert parse_switches(texts) == {
        "kl_weight": 0.1,
        "ratio": 0.001,
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
