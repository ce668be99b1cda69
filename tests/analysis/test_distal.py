"""The curve of ever shorter windows, and the agreement of masks, both by hand."""

from dataclasses import replace

import numpy as np
import pytest
from experiments import PROMOTER, expression, make_predictor, make_window
from scipy import stats

from seq2exp.analysis.distal import (
    LENGTHS,
    distal_curve,
    mask_agreement,
    outside,
    usual_lengths,
)
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.inference.jobs import Stopped
from seq2exp.inference.perturb import Experiment
from seq2exp.inference.perturb.memory import Kept
from seq2exp.inference.predictor import MaskRule


@pytest.fixture(scope="module", params=["soft", "hard", "coupled"])
def predictor(request, tmp_path_factory):
    return make_predictor(tmp_path_factory.mktemp("models"), request.param)


@pytest.fixture(autouse=True)
def _nothing_kept():
    Kept.forget()


@pytest.mark.parametrize("rule", [None, MaskRule("hard", 0.4)])
def test_the_curve_is_predictions_of_cut_windows_and_closed_masks(predictor, rule):
    window = make_window()
    experiment = Experiment(predictor, window, rule)
    found = distal_curve(experiment, [1200, PROMOTER, 600, 600])
    assert found["length"].tolist() == [PROMOTER, 600, 1200]
    mask = experiment.rule.mask(predictor.posterior(window))
    for row in found.itertuples():
        cut = predictor.predict(window.crop(row.length), experiment.rule)
        assert row.cut == cut.expression
        assert row.mask_ratio == pytest.approx(cut.mask.mean(), abs=1e-7)
        inner = slice(600 - row.length // 2, 600 + row.length // 2)
        closed = np.zeros_like(mask)
        closed[inner] = mask[inner]
        assert row.closed == expression(predictor, window, closed)
        assert row.kept == pytest.approx(mask[inner].sum() / mask.sum(), rel=1e-6)
    whole = found.iloc[-1]
    assert whole["cut"] == whole["closed"] and whole["kept"] == 1
    assert len(set(found["closed"])) == 3


def test_the_usual_lengths_are_those_that_fit(predictor):
    window = make_window(length=6000)
    found = distal_curve(Experiment(predictor, window))
    assert found["length"].tolist() == [2_000, 5_000, 6_000]
    assert LENGTHS[0] == 2_000 and LENGTHS[-1] == 200_000
    assert usual_lengths(window, PROMOTER) == [2_000, 5_000, 6_000]
    assert usual_lengths(window, 5_002) == [6_000]  # a network with a wide promoter


@pytest.mark.parametrize("length", [601, PROMOTER - 2, 1202])
def test_lengths_that_do_not_fit_are_refused(predictor, length):
    with pytest.raises(InputError, match=f"A window of {length:,} bp"):
        distal_curve(Experiment(predictor, make_window()), [length])


def test_stopping_keeps_the_short_windows(predictor):
    told = []

    def stop(fraction, text):
        told.append(fraction)
        if text.startswith("800 bp"):
            raise Stopped

    found = distal_curve(Experiment(predictor, make_window()), [400, 600, 800, 1000], stop)
    assert found["length"].tolist() == [400, 600]
    assert told == sorted(told)


def test_the_outside_of_a_window_at_a_chromosomes_end():
    window = replace(make_window(), interval=Interval("chr1", -400, 800), pad_left=400)
    spans = [edit.interval for edit in outside(window, 600)]
    assert spans == [Interval("chr1", -400, -100), Interval("chr1", 500, 800)]
    assert outside(window, 1200) == ()


@pytest.mark.parametrize("bin_bp", [1, 7, 100, 5000])
def test_the_band_is_mean_least_and_most_of_each_models_bin(bin_bp):
    window = make_window(length=4000)
    masks = [np.random.default_rng(i).random(4000).astype(np.float32) for i in range(3)]
    found = mask_agreement(window, masks, bin_bp)
    start, end = window.interval.start, window.interval.end
    edges = sorted({start, end, *(k for k in range(0, end, bin_bp) if k > start)})
    assert found.frame["start"].tolist() == edges[:-1] and found.frame["end"].tolist() == edges[1:]
    for row in found.frame.iloc[:: max(1, len(found.frame) // 40)].itertuples():
        part = slice(row.start - start, row.end - start)
        means = [mask[part].astype(float).mean() for mask in masks]
        assert (row.mean, row.low, row.high) == pytest.approx(
            (np.mean(means), min(means), max(means))
        )
    other = np.r_[0:1000, 3000:4000]  # TSS ± 1 kb is open by construction
    pairs = [
        stats.pearsonr(masks[i][other], masks[j][other]).statistic
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert found.correlation == pytest.approx(np.mean(pairs)) and found.models == 3


def test_padding_has_no_bin_and_no_part_in_the_agreement():
    window = replace(
        make_window(length=4000), interval=Interval("chr1", -250, 3750), pad_left=250, pad_right=30
    )
    masks = [np.random.default_rng(i).random(4000) for i in range(2)]
    found = mask_agreement(window, masks, 500)
    assert found.frame["start"].tolist() == [0, *range(500, 3720, 500)]
    assert found.frame["end"].iloc[-1] == 3720
    assert found.frame["mean"].iloc[0] == pytest.approx(np.mean([m[250:750] for m in masks]))
    assert found.frame["high"].iloc[-1] == pytest.approx(max(m[3750:3970].mean() for m in masks))
    other = np.r_[250:1000, 3000:3970]
    pair = stats.pearsonr(masks[0][other], masks[1][other]).statistic
    assert found.correlation == pytest.approx(pair)


def test_the_same_masks_agree_and_constant_ones_have_no_correlation():
    window = make_window(length=4000)
    mask = np.random.default_rng(0).random(4000)
    same = mask_agreement(window, [mask, mask])
    assert same.correlation == pytest.approx(1)
    assert same.frame["low"].equals(same.frame["high"])
    assert mask_agreement(window, [mask, np.ones(4000)]).correlation is None


def test_agreement_needs_two_masks_of_the_window():
    window = make_window()
    with pytest.raises(InputError, match="two models"):
        mask_agreement(window, [np.ones(1200)])
    with pytest.raises(InputError, match="1 bp"):
        mask_agreement(window, [np.ones(1200)] * 2, 0)
    with pytest.raises(ValueError, match="1200"):
        mask_agreement(window, [np.ones(1300)] * 2)
