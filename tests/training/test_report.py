"""The card's words follow its numbers."""

from dataclasses import replace

import numpy as np

from seq2exp.training.evaluation import Evaluation, Fit, MaskScores
from seq2exp.training.report import SplitReport, summary


def report(
    mse: float, promoter_only: float, mask: float | None, untrained: float = 0.3
) -> SplitReport:
    scores = None
    if mask is not None:
        anchors = {"DNase": 0.32, "DNase × H3K27ac × contact": 0.62}
        scores = MaskScores(0.066, mask, untrained, anchors)
    found = Evaluation(
        40, Fit(mse, 0.3, 0.8), Fit(promoter_only, 0.3, 0.7), 0.36, 0.5, scores, np.zeros(40)
    )
    return SplitReport(40, found.fit, Fit(0.5, 0.6, None), Fit(0.3, 0.4, 0.6), found)


def told(made: SplitReport, split: str = "validation", soft: bool = True) -> str:
    return summary(
        "Seq2Exp", 8, {split: made}, soft=soft, simulated=True, trained="9 steps", seed=4
    )


def test_better_and_worse_than_the_baselines() -> None:
    good = told(report(0.2, 0.21, None))
    assert "better than predicting the training mean (0.500)" in good
    assert "better than a linear fit on the nine features (0.300)" in good
    assert "Pearson r 0.800" in good
    between = told(report(0.4, 0.4, None))
    assert "better than predicting the training mean (0.500)" in between
    assert "worse than a linear fit" in between
    assert "no better than a linear fit" in told(report(0.298, 0.3, None))


def test_what_lies_outside_the_promoter() -> None:
    assert "uses bases outside the promoter" in told(report(0.2, 0.3, None))
    assert "does not rest on bases outside" in told(report(0.2, 0.201, None))
    assert "does not help" in told(report(0.3, 0.2, None))
    foreign = told(report(0.2, 0.6, None))  # above the mean predictor's 0.5
    assert "foreign to it" in foreign
    assert "uses bases" not in foreign


def test_the_mask_against_signal_only_scores() -> None:
    beaten = told(report(0.2, 0.2, 0.315, untrained=0.31))
    assert "no better than the same network before training (0.310)" in beaten
    assert "no better than DNase alone (0.320)" in beaten
    assert "worse than DNase × H3K27ac × contact alone (0.620)" in beaten
    some = told(report(0.2, 0.2, 0.45))
    assert "better than DNase alone (0.320)" in some
    assert "better than the same network before training" in some
    assert "better than DNase × H3K27ac × contact alone (0.620)" in told(report(0.2, 0.2, 0.7))
    assert "worse than the same network before training (0.900)" in told(
        report(0.2, 0.2, 0.7, untrained=0.9)
    )


def test_without_truth_nothing_is_claimed_about_the_mask() -> None:
    text = told(report(0.2, 0.2, None))
    assert "whether it finds regulatory bases is not known" in text
    assert "36.0%" in text


def test_the_card_keeps_every_number() -> None:
    metrics = report(0.2, 0.25, 0.4).to_dict()
    assert metrics["mse"] == 0.2
    assert metrics["promoter_only"]["mse"] == 0.25
    assert metrics["mean_predictor"] == {"mse": 0.5, "mae": 0.6, "pearson": None}
    assert metrics["linear_nine_features"]["mse"] == 0.3
    assert metrics["mask_ratio"] == 0.36
    assert metrics["mask"] == {
        "causal_share": 0.066,
        "auprc_mask": 0.4,
        "auprc_untrained_mask": 0.3,
        "auprc_dnase": 0.32,
        "auprc_dnase_h3k27ac_contact": 0.62,
    }
    assert "share of bases kept 36.0%" in told(report(0.2, 0.2, 0.4), "test", soft=False)


def test_a_network_without_a_mask_claims_nothing_about_one() -> None:
    made = replace(report(0.2, 0.25, 0.4), mask=None)
    assert told(made).startswith("Seq2Exp, width 8, trained for 9 steps on simulated data (seed 4")
    assert "mask" not in told(made)
    assert made.to_dict().keys() == {
        *("examples", "mse", "mae", "pearson"),
        *("mean_predictor", "linear_nine_features"),
    }
