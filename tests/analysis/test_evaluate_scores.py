"""What each base-by-base score is, by hand."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from seq2exp.analysis.activity_contact import abc_scores, candidates
from seq2exp.analysis.evaluate.outputs import Network
from seq2exp.analysis.evaluate.scores import (
    Q_SWEEP,
    peak_scores,
    signal_only_score,
    signal_scores,
    smoothed,
)
from seq2exp.genome.locus import Interval
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.examples import Example

LENGTH = 6_000


def peaks(*rows):
    """Peaks of (start, end, -log10 q, summit)."""
    table = pd.DataFrame(rows, columns=["start", "end", "q_log10", "summit"])
    return table.assign(chrom="c")


class Windows:
    """One example of random signals that starts at base 1,000 of chromosome c."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.signals = rng.gamma(1, 1, (LENGTH, 3)).astype(np.float32)
        self.length = LENGTH
        self.table = [Example("g", "G", "cell", "c", 1_000, 1_000 + LENGTH)]

    def batch(self, rows):
        return SimpleNamespace(signals=torch.from_numpy(self.signals[None]))


def test_signal_scores_by_hand():
    windows = Windows()
    found = {score.name: score.values(0) for score in signal_scores(windows)}
    h3k27ac, dnase, contact = windows.signals.T
    i = 2_345
    around = h3k27ac[i - 500 : i + 501].mean()
    assert found["DNase"][i] == dnase[i]
    assert found["DNase × H3K27ac"][i] == pytest.approx(dnase[i] * around, rel=1e-4)
    product = dnase[i] * around * (10 ** contact[i] - 1)
    assert found["DNase × H3K27ac × contact"][i] == pytest.approx(product, rel=1e-4)
    nearness = found["distance to the TSS"]
    assert nearness.argmax() == LENGTH // 2
    assert nearness[100] == nearness[LENGTH - 100] < nearness[101]


def test_peaks_as_scores():
    called = {f"MACS3 q {q:g}": {"cell": peaks((900, 1_100, 3, -1))} for q in Q_SWEEP}
    called["MACS3 q 0.1"] = {
        "cell": peaks((900, 1_100, 3, 1_000), (1_050, 1_200, 2, 1_100), (6_900, 7_100, 4, 7_000))
    }
    found = {score.name: score for score in peak_scores(Windows(), called)}
    assert found["MACS3 q 0.001"].calls
    np.testing.assert_array_equal(
        np.flatnonzero(found["MACS3 q 0.1"].values(0)), [*range(200), *range(5_900, 6_000)]
    )
    graded = found["MACS3 -log10 q"]
    values = graded.values(0)
    assert not graded.calls
    assert (values[:100] == 3).all() and (values[100:200] == 2).all()
    assert (values[5_900:] == 4).all() and not values[200:5_900].any()


def test_candidates_stand_round_summits():
    window = Interval("c", 1_000, 1_000 + LENGTH)
    table = peaks((2_000, 2_600, 3, 2_100), (2_300, 2_900, 3, 2_500), (4_000, 4_200, 3, -1))
    expected = [[850, 1_750], [2_850, 3_350]]  # the first two overlap; the last has its middle
    assert candidates(table, window).tolist() == expected
    assert candidates(table, Interval("c", 8_000, 9_000)).tolist() == []
    assert candidates(table, Interval("d", 1_000, 7_000)).tolist() == []


def test_abc_is_normalised_activity_by_contact():
    signals = Windows().signals
    elements = np.array([[100, 600], [2_000, 2_700], [5_500, 6_000]])
    products = []
    for start, end in elements:
        h3k27ac, dnase, contact = signals[start:end].astype(float).T
        products.append(np.sqrt(h3k27ac.mean() * dnase.mean()) * (10**contact - 1).mean())
    found = abc_scores(signals, elements)
    np.testing.assert_allclose(found, np.array(products) / sum(products), rtol=1e-5)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_array_equal(abc_scores(np.zeros_like(signals), elements), [0, 0, 0])


@pytest.mark.parametrize(
    "config", [ModelConfig.soft("tiny"), ModelConfig.hard("tiny"), ModelConfig.coupled("tiny")]
)
def test_the_signal_only_mask_is_what_the_network_adds_to_the_sequence(config):
    torch.manual_seed(0)
    windows = Windows()
    model = Seq2Exp(ModelConfig.from_dict({**config.to_dict(), "window": LENGTH})).eval()
    one_hot = torch.eye(4)[torch.randint(0, 4, (1, LENGTH))]
    with torch.no_grad():
        found = model.posterior_parameters(one_hot, windows.batch([0]).signals)
    weights = np.array(config.signal_weights) / sum(config.signal_weights)
    constants = np.array(config.signal_betas) + config.beta_min
    beta = (weights * constants).sum() * config.prior_scale
    # Where the posterior's strength is fixed, alpha and beta keep nothing but their ratio.
    odds = (found.alpha / found.beta)[0].numpy().astype(float)
    alpha = odds * (found.beta_sequence[0].numpy() + beta) - found.alpha_sequence[0].numpy()
    network = Network(Path("tiny.safetensors"), model, {"model": "seq2exp-soft"})
    score = signal_only_score(network, windows)
    np.testing.assert_allclose(score.values(0), alpha / (alpha + beta), rtol=2e-3, atol=1e-4)
    assert np.ptp(score.values(0)) > 0.01


def test_running_means():
    values = np.arange(10, dtype=np.float32)
    assert smoothed(values, 0) is values
    np.testing.assert_allclose(smoothed(values, 3)[1:-1], values[1:-1])
    assert smoothed(values, 3)[0] == pytest.approx(1 / 3)
