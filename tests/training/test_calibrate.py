"""Slope and level of the predictions, against numpy's own least squares."""

from pathlib import Path

import numpy as np
import pytest
import torch
from runs_for_tests import run

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.model.registry import configure, network
from seq2exp.training.examples import Examples, examples
from seq2exp.training.networks import calibrate, predict_all


@pytest.fixture(scope="module")
def some(small: Path) -> Examples:
    dataset = Dataset.load(small)
    return examples(dataset, "train", ["cell-a", "cell-b"], 4_096).spread(8)


def untrained(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return network(name, configure(name, "tiny", {"window": 4_096}))


@pytest.mark.parametrize("name", ["seq2exp-coupled", "caduceus-signals", "epinformer"])
@pytest.mark.parametrize("slope", [3.0, -3.0])
def test_predictions_become_the_least_squares_fit(
    name: str, slope: float, some: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = untrained(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    predicted = predict_all(model, some).astype(np.float64)
    noise = np.ptp(predicted) * np.random.default_rng(1).normal(0, 0.1, len(some))
    monkeypatch.setattr(some, "label", (slope * predicted - 0.7 + noise).astype(np.float32))

    found = calibrate(model, some)

    wanted = tuple(np.polyfit(predicted, some.label, 1))
    if slope < 0:  # a fall is not fitted, as it would turn the model's ranking round
        wanted = (1.0, np.mean(some.label - predicted))
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4)
    again = predict_all(model, some)
    assert again == pytest.approx(wanted[0] * predicted + wanted[1], abs=1e-5)
    changed = {key for key, value in model.state_dict().items() if not value.equal(before[key])}
    assert changed <= {"pToExpr.4.weight", "pToExpr.4.bias"}


def test_a_constant_prediction_gets_the_mean_label(some: Examples) -> None:
    model = untrained("seq2exp-coupled")
    with torch.no_grad():
        model.pToExpr[-1].weight.zero_()
    assert calibrate(model, some)[0] == 1.0
    assert predict_all(model, some) == pytest.approx(np.full(8, some.label.mean()), abs=1e-6)


def test_fewer_than_no_windows_are_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="calibrated on -1 windows; choose 0 or more"):
        run(small, tmp_path / "x.safetensors", calibrate=-1)
    assert not list(tmp_path.iterdir())
