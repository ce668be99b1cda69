"""Metrics against closed forms and brute force."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from seq2exp.training.evaluation import (
    anchor_scores,
    average_precision,
    baselines,
    fit_metrics,
)
from seq2exp.training.examples import Examples


def test_fit_metrics() -> None:
    rng = np.random.default_rng(0)
    label = rng.normal(1, 1, 50)
    prediction = 0.5 * label + rng.normal(0, 0.3, 50)
    fit = fit_metrics(prediction.astype(np.float32), label.astype(np.float32))
    assert fit.mse == pytest.approx(np.mean((prediction - label) ** 2), rel=1e-5)
    assert fit.mae == pytest.approx(np.abs(prediction - label).mean(), rel=1e-5)
    assert fit.pearson == pytest.approx(stats.pearsonr(prediction, label).statistic, rel=1e-5)


def test_a_constant_prediction_has_no_correlation() -> None:
    fit = fit_metrics(np.full(3, 0.1), np.array([0.0, 0.1, 0.2]))
    assert fit.pearson is None
    assert fit.mae == pytest.approx(0.2 / 3)


def brute_average_precision(score: np.ndarray, truth: np.ndarray) -> float:
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(score), reverse=True):
        chosen = score >= threshold
        recall = (chosen & truth).sum() / truth.sum()
        area += (recall - recall_before) * (chosen & truth).sum() / chosen.sum()
        recall_before = recall
    return area


@pytest.mark.parametrize("levels", [2, 5, 1_000])
def test_average_precision_with_ties(levels: int) -> None:
    rng = np.random.default_rng(levels)
    truth = rng.random(300) < 0.2
    score = rng.integers(0, levels, 300) + truth * rng.integers(0, levels, 300)
    assert average_precision(score, truth) == pytest.approx(brute_average_precision(score, truth))


def test_average_precision_at_its_ends() -> None:
    truth = np.array([True, False, True, False])
    assert average_precision(np.array([0.9, 0.1, 0.8, 0.2]), truth) == 1
    assert average_precision(np.zeros(4), truth) == 0.5
    assert average_precision(np.ones(4), np.zeros(4, bool)) is None


def stored(folder: Path, features: np.ndarray, label: np.ndarray) -> Examples:
    folder.mkdir()
    np.save(folder / "features.npy", features.astype(np.float32))
    np.save(folder / "label.npy", label.astype(np.float32))
    row = dict(gene="g", name="g", cell="c", chrom="c", start=0, end=2)
    described = {"length": 2, "label_name": "x", "examples": [row] * len(label)}
    (folder / "examples.json").write_text(json.dumps(described))
    return Examples(folder)


def test_baselines_are_fitted_on_the_training_examples(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    weights = rng.normal(0, 1, 9)
    features, held_features = rng.normal(0, 1, (40, 9)), rng.normal(0, 1, (12, 9))
    # Constant and twin columns, which leave the weights undetermined but not the prediction.
    features[:, 3], held_features[:, 3] = 0, 0
    features[:, 5], held_features[:, 5] = features[:, 6], held_features[:, 6]
    label, held_label = features @ weights + 2, held_features @ weights + 2
    train = stored(tmp_path / "train", features, label)
    held_out = stored(tmp_path / "held", held_features, held_label)
    found = baselines(train, held_out)
    assert found["linear"].mse < 1e-10
    expected = np.mean((held_label - label.mean()) ** 2)
    assert found["mean"].mse == pytest.approx(expected, rel=1e-5)
    assert found["mean"].pearson is None


def test_anchors_are_activity_by_contact() -> None:
    rng = np.random.default_rng(4)
    h3k27ac, dnase, contact = rng.gamma(1, 2, (3, 1_600))
    signals = np.stack([h3k27ac, dnase, np.log10(1 + contact)], 1).astype(np.float32)
    found = anchor_scores(signals)
    np.testing.assert_allclose(found["DNase"], dnase, rtol=1e-6)
    for i in (0, 300, 900, 1_599):
        # 500 bases on either side; there is no signal beyond the window.
        around = h3k27ac[max(0, i - 500) : i + 501].sum() / 1_001
        expected = dnase[i] * around * contact[i]
        assert found["DNase × H3K27ac × contact"][i] == pytest.approx(expected, rel=1e-4)
