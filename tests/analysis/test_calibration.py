"""How far predictions lie from what was measured, against other code on the same numbers."""

import statistics

import numpy as np
import pytest
from scipy import stats

from seq2exp.analysis.calibration import calibration


def test_calibration_agrees_with_other_code():
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 3, 200)
    y = 0.7 * x + rng.normal(0.5, 0.3, 200)
    fit = calibration(x, y)
    off = [b - a for a, b in zip(x, y, strict=True)]
    assert fit.pearson == pytest.approx(stats.pearsonr(x, y).statistic)
    assert fit.mse == pytest.approx(statistics.fmean(o * o for o in off))
    assert fit.mae == pytest.approx(statistics.fmean(map(abs, off)))
    assert fit.half == pytest.approx(statistics.median(map(abs, off)))
    assert sum(abs(o) <= fit.most for o in off) == 180
    assert fit.bias == pytest.approx(statistics.fmean(off))
    assert "n = 200 points" in fit.sentence() and "above" in fit.sentence()


def test_a_constant_prediction_has_no_correlation():
    fit = calibration([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    assert np.isnan(fit.pearson)
    assert "Pearson r undefined" in fit.sentence() and "1.00 below" in fit.sentence()
