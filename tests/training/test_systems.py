"""Every system trains from the command line, and its file predicts what was trained."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from seq2exp import cli
from seq2exp.analysis.results import load_results
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.inference.predictor import Predictor
from seq2exp.model.baselines.hyena import FILTER_SETTINGS
from seq2exp.model.checkpoint import (
    card_path,
    list_any,
    list_models,
    load_any,
    load_model,
    read_card,
    suggested_threshold,
)
from seq2exp.model.registry import NAMES, configure, make
from seq2exp.training.examples import examples
from seq2exp.training.module import NetworkModule, optimiser_groups
from seq2exp.training.networks import run_network
from seq2exp.training.phases import Optimisation
from seq2exp.training.states import load_best
from seq2exp.training.train import train

MASKS = {name for name, entry in NAMES.items() if entry.kind == "mask"}
WITHOUT_A_PACKAGE = {
    "enformer": None if importlib.util.find_spec("enformer_pytorch") else "needs enformer-pytorch"
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("systems")


def command(name: str, small: Path, folder: Path, *more: str) -> list[str]:
    words = ["train", "--model", name, "--preset", "tiny", "--dataset", str(small), "--seed", "7"]
    words += ["--steps", "3", "--batch-size", "2", "--validate-every", "2", "--cell", "cell-a"]
    words += ["--accelerator", "cpu", "--out", str(folder / f"{name}.safetensors")]
    if name == "seq2exp-retrain":
        return [*words, "--from", str(folder / "seq2exp-soft.safetensors"), *more]
    return [*words, "--set", f"window={2_000 if name.endswith('2kb') else 4_096}", *more]


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_and_predicts_the_same(
    name: str, small: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if missing := WITHOUT_A_PACKAGE.get(name):
        pytest.skip(missing)
    if name == "seq2exp-retrain" and not (folder / "seq2exp-soft.safetensors").exists():
        cli_run(command("seq2exp-soft", small, folder))
    cli_run(command(name, small, folder))
    out = folder / f"{name}.safetensors"
    assert str(out) in capfd.readouterr().out
    model, card = load_any(out)
    assert (card["model"], card["seed"], card["trained_steps"]) == (name, 7, card["trained_steps"])
    assert f"--model {name}" in card["command"] and card["trained_seconds"] > 0
    assert card["window"] == model.config.window == (2_000 if name.endswith("2kb") else 4_096)
    assert NAMES[name].title in card["summary"]
    json.dumps(card, allow_nan=False)

    # The file holds the best weights of the run …
    best = load_best(out.with_suffix(".training") / "first" / "best.pt")
    stored = model.state_dict()
    assert stored.keys() == best["weights"].keys()
    assert all(torch.equal(stored[key], value) for key, value in best["weights"].items())
    # … which are not those it began with, and give the card's error on whole windows.
    torch.manual_seed(7)
    moved = {key for key, p in model.named_parameters() if p.requires_grad}
    fresh = make(name, "tiny", window=model.config.window).state_dict()
    assert any(not torch.equal(fresh[key], stored[key]) for key in moved)
    held_out = examples(Dataset.load(small), "test", ["cell-a"], model.config.window)
    with torch.no_grad():
        singly = [run_network(model, held_out.batch([i])).prediction for i in range(len(held_out))]
    error = torch.cat(singly).flatten().numpy() - held_out.label
    assert card["metrics"]["test"]["mse"] == pytest.approx(np.mean(error**2), rel=1e-4)
    assert ("mask_ratio" in card["metrics"]["test"]) == (name in MASKS)


def cli_run(words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 0


@pytest.fixture
def trained(small: Path, folder: Path) -> dict[str, Path]:
    """The files of all systems that can be trained here."""
    names = [name for name in NAMES if not WITHOUT_A_PACKAGE.get(name)]
    paths = {name: folder / f"{name}.safetensors" for name in names}
    for name, path in paths.items():
        if not path.exists():
            cli_run(command(name, small, folder))
    return paths


def test_all_are_evaluated_by_one_command(
    trained: dict[str, Path], small: Path, tmp_path: Path
) -> None:
    words = ["evaluate", *map(str, trained.values()), "--dataset", str(small), "--length", "4096"]
    words += ["--cut", "0", "--replicates", "20", "--cell", "cell-a", "--device", "cpu"]
    cli_run([*words, "--out", str(tmp_path / "results")])
    fit = load_results(tmp_path / "results").fit
    assert fit is not None
    fit = fit[fit["cell"] == "cell-a"].set_index("model")
    assert sorted(fit.index) == sorted(trained)
    for name, path in trained.items():
        expected = read_card(card_path(path))["metrics"]["test"]
        assert fit.loc[name, "mse"] == pytest.approx(expected["mse"], rel=1e-4)
        if name in MASKS:
            assert fit.loc[name, "mask_ratio"] == pytest.approx(expected["mask_ratio"], rel=1e-4)


def test_the_command_on_the_card_trains_the_same(small: Path, folder: Path, tmp_path: Path) -> None:
    cli_run(command("caduceus", small, folder))
    out = folder / "caduceus.safetensors"
    words = load_any(out)[1]["command"].split()
    words[words.index("--out") + 1] = str(tmp_path / "again.safetensors")
    cli_run([*words[1:], "--accelerator", "cpu"])
    assert (tmp_path / "again.safetensors").read_bytes() == out.read_bytes()


def test_the_app_is_offered_masks_alone(folder: Path, trained: dict[str, Path]) -> None:
    everything = {entry.id for entry in list_any(folder)}
    assert {"seq2exp-soft", "caduceus"} <= everything
    assert {entry.id for entry in list_models(folder)} == everything & MASKS
    with pytest.raises(InputError, match="is Caduceus, which has no mask"):
        load_model(folder / "caduceus.safetensors")


def test_a_retrained_network_keeps_its_mask_and_follows_the_rule_of_the_posterior(
    small: Path, trained: dict[str, Path]
) -> None:
    soft, source = load_model(trained["seq2exp-soft"])
    path = trained["seq2exp-retrain"]
    model, card = load_model(path)
    assert card["from"]["id"] == "seq2exp-soft"
    dataset = Dataset.load(small)
    gene = dataset.example_genes("cell-a", "test")[0]
    window = dataset.window(gene, "cell-a").crop(4_096)
    batch = examples(dataset, "test", ["cell-a"], 4_096).batch([0])
    posterior = soft.posterior(batch.one_hot, batch.signals, batch.blacklist)
    wanted = posterior.top(0.1)
    with torch.no_grad():
        out = model.train()(batch.one_hot, batch.signals, batch.features, batch.blacklist)
    np.testing.assert_array_equal(out.mask[0].numpy(), wanted)
    assert out.mask.mean().item() == pytest.approx(2_000 / 4_096)  # the promoter is more already
    # The app shows and applies the same.
    predictor = Predictor(path)
    found = predictor.predict(window)
    assert (found.rule.mode, found.rule.fraction) == ("top", 0.1)
    np.testing.assert_array_equal(found.mask, wanted)
    assert found.expression == pytest.approx(out.prediction.item(), rel=1e-4)
    # Windows cut down for training keep what lies above the threshold of whole ones.
    assert model.config.threshold == suggested_threshold(source)
    short = batch.crop(3_000)
    with torch.no_grad():
        out = model(short.one_hot, short.signals, short.features, short.blacklist)
    posterior = soft.posterior(short.one_hot, short.signals, short.blacklist)
    np.testing.assert_array_equal(out.mask[0].numpy(), posterior.hard(model.config.threshold))


def test_a_mask_is_taken_from_a_soft_model_alone(small: Path, trained: dict[str, Path]) -> None:
    for name, says in (
        ("seq2exp-retrain", "name the soft model it is of"),
        ("seq2exp-hard", "needs the mask of a soft network"),
        ("caduceus", "which has no mask"),
    ):
        with pytest.raises(InputError, match=says):
            train(small, "x.safetensors", model="seq2exp-retrain", source=trained[name])


def test_the_help_names_every_system(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    said = re.sub(r"[^a-z0-9-]+", "", capsys.readouterr().out)
    assert all(name in said for name in NAMES)


def test_hyenas_filters_have_their_own_rate_and_no_decay() -> None:
    model = make("hyenadna", "tiny", window=2_048)
    groups = list(optimiser_groups(model, Optimisation(steps=100, lr=2e-3, lr_start=0.0)))
    names = {id(p): name for name, p in model.named_parameters()}
    members = [{names[id(p)] for p in group["params"]} for group, _ in groups]
    assert set.union(*members) == set(names.values())
    assert sum(map(len, members)) == len(names)
    assert members[2] == {name for name in names.values() if ".mixer.filter." in name}
    assert groups[2][0]["weight_decay"] == FILTER_SETTINGS["weight_decay"]
    assert [max(run.rate(i) for i in range(100)) for _, run in groups] == [2e-3, 2e-3, 5e-4]
    assert groups[2][1].rate(0) == 0
    optimizer = NetworkModule(model, Optimisation(), seed=1).configure_optimizers()["optimizer"]
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == pytest.approx([1e-5] * 3)  # of step 0, as published


def test_the_control_on_two_kilobases_reads_no_more(small: Path) -> None:
    model = make("caduceus-signals-2kb", "tiny").eval()
    assert model.config == configure("caduceus-signals", "tiny", window=2_000)
    cached = examples(Dataset.load(small), "test", ["cell-a"], 4_096)
    with torch.no_grad():
        whole = run_network(model, cached.batch([0, 1])).prediction
        short = run_network(model, cached.batch([0, 1], 2_000)).prediction
    assert torch.equal(whole, short)
