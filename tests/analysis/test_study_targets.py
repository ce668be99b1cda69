"""The coupled model's targets, from resamples whose differences are known."""

import numpy as np
import pandas as pd
import pytest

from seq2exp.analysis.study.plan import Run
from seq2exp.analysis.study.resamples import Resamples, Sample
from seq2exp.analysis.study.targets import TARGETS, Given, outcome

DRAWS = 400
RATIO = 0.036


def run(name, model, seed):
    return Run(
        id=name, setting=name, group="system", reason="", model=model, preset="tiny", seed=seed
    )


OURS = [run("ours-1", "seq2exp-coupled", 1), run("ours-2", "seq2exp-coupled", 2)]
OTHERS = {
    "caduceus-signals": [run("cad-1", "caduceus-signals", 1), run("cad-2", "caduceus-signals", 2)],
    "caduceus-signals-2kb": [run("near-1", "caduceus-signals-2kb", 1)],
    "seq2exp-soft": [run("soft-3", "seq2exp-soft", 3)],
}


class Table:
    """Rows of draws.parquet; the same genes move every score alike, and its own noise a little."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.rng, self.shared, self.rows = rng, rng.normal(0, 0.03, DRAWS), []

    def add(self, score, metric, value, model_id=None, width=0, ratio=None, window=None):
        draws = value + self.shared + self.rng.normal(0, 0.002, DRAWS)
        of_bases = metric != "pearson"
        self.rows.append(
            {
                **{"score": score, "model_id": model_id, "metric": metric, "window": window},
                **{"smoothing_bp": width if of_bases else None, "ratio": ratio, "value": value},
                "draws": draws.astype(np.float32),
            }
        )

    def given(self):
        frame = pd.DataFrame(self.rows).astype({"window": "Int64", "smoothing_bp": "Int64"})
        return Given(Resamples(frame), OTHERS, RATIO)


@pytest.fixture(scope="module")
def given():
    table = Table()
    for name, auc, area, r in (("ours-1", 0.80, 0.45, 0.70), ("ours-2", 0.74, 0.47, 0.78)):
        table.add("learned mask", "element_auc:open_decoys", auc, name)
        table.add("learned mask", "element_auc:broken_motif", 0.6, name)
        table.add("signal-only mask", "element_auc:open_decoys", 0.70, name)
        for width, more in ((0, -0.1), (41, 0.0)):
            table.add("learned mask", "auprc", area + more, name, width)
            for ratio in (RATIO, 0.1):
                table.add("learned mask", "f1_at_ratio", 0.5 + more + ratio, name, width, ratio)
        table.add("prediction", "pearson", 0.2, name, window=2_000)
        table.add("prediction", "pearson", r, name, window=200_000)
    table.add("signal-only mask", "element_auc:open_decoys", 0.75, "soft-3")
    for name, r in (("cad-1", 0.71), ("cad-2", 0.76), ("near-1", 0.50)):
        table.add("prediction", "pearson", r, name, window=2_000)
    for width, area in ((0, 0.30), (41, 0.28)):
        table.add("DNase", "auprc", area, width=width)
        table.add("DNase × H3K27ac × contact", "auprc", area + 0.2, width=width)
    table.add("MACS3 q 0.05", "f1_at_ratio", 0.50, ratio=RATIO)
    table.add("MACS3 q 0.05", "f1_at_ratio", 0.90, ratio=0.1)
    return table.given()


def test_values_and_verdicts_over_seeds(given):
    found = [outcome(target, given, OURS) for target in TARGETS]
    values = [one.value for one in found]
    expected = [0.02, 0.77, 0.16, RATIO, 0.74 - 0.735, 0.07, -0.04, 0.005, 0.20, 0.6]
    assert values == pytest.approx(expected)
    assert [one.reached for one in found] == [
        *(False, False, True, True, True, True),  # promised
        *(False, False, True, False),  # stretch: the intervals of r overlap with Caduceus'
    ]
    assert [target.stretch for target in TARGETS] == [False] * 6 + [True] * 4


def test_each_seed_stands_beside_its_own_reference(given):
    first = [outcome(target, given, OURS[:1]) for target in TARGETS]
    assert first[0].value == pytest.approx(0.05) and first[5].value == pytest.approx(0.10)
    assert first[0].reached and first[1].reached
    assert first[4].value == pytest.approx(-0.01) and first[4].reached
    assert first[7].value == pytest.approx(-0.01) and not first[7].reached
    # There is no 2 kb control of the second seed.
    assert outcome(TARGETS[8], given, OURS[1:]) is None


def test_intervals_of_differences_are_paired(given):
    difference = outcome(TARGETS[2], given, OURS)
    alone = outcome(TARGETS[1], given, OURS)
    assert difference.low < 0.16 < difference.high
    assert difference.high - difference.low < 0.02 < alone.high - alone.low


def test_nothing_is_made_of_what_is_missing(given):
    nobody = run("absent", "seq2exp-coupled", 3)
    assert all(outcome(target, given, [nobody]) is None for target in TARGETS)


def test_a_target_just_met_is_reached():
    table = Table()
    table.add("learned mask", "element_auc:open_decoys", 0.1 + 0.7, "ours-1")
    table.add("signal-only mask", "element_auc:open_decoys", 0.75, "ours-1")
    assert outcome(TARGETS[5], table.given(), OURS[:1]).reached


def test_draws_without_a_value_are_left_out_of_the_interval():
    sample = Sample(0.5, np.array([np.nan, 0.4, 0.6]))
    assert sample.bounds == pytest.approx((0.405, 0.595))
