"""Deletions: targets from every source, and each row against a prediction made for it alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from experiments import PROMOTER, TSS, at, expression, make_predictor, make_window

from seq2exp.analysis.deletion import (
    Target,
    delete,
    element_targets,
    interval_targets,
    role_of,
    tiles,
)
from seq2exp.analysis.elements import Element
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.inference.jobs import Job, Stopped
from seq2exp.inference.perturb import Experiment
from seq2exp.inference.perturb.memory import Kept
from seq2exp.inference.predictor import MaskRule


@pytest.fixture(scope="module")
def coupled(tmp_path_factory):
    return make_predictor(tmp_path_factory.mktemp("models"), "coupled")


@pytest.fixture(autouse=True)
def _nothing_kept():
    Kept.forget()


def some_targets(window):
    places = [(150, 220), (300, 420), (520, 640), (900, 905), (-20, 30), (100, 160)]
    return [Target(f"t{i}", at(window, *p), "distal") for i, p in enumerate(places)]


def test_every_row_is_a_prediction_of_its_own(coupled):
    window = make_window()
    for rule in (MaskRule("soft"), MaskRule("hard", 0.4)):
        found = delete(Experiment(coupled, window, rule), some_targets(window))
        mask = rule.mask(coupled.posterior(window))
        reference = expression(coupled, window, mask)
        assert found.reference == reference and found.complete and not found.neutralised
        deltas = []
        for row, target in zip(found.frame.itertuples(), some_targets(window), strict=True):
            first = max(target.interval.start - window.interval.start, 0)
            last = target.interval.end - window.interval.start
            closed = mask.copy()
            closed[first:last] = 0
            deltas.append(expression(coupled, window, closed) - reference)
            assert (row.name, row.chrom, row.role) == (target.name, "chr1", "distal")
            assert (row.start, row.end) == (target.interval.start, target.interval.end)
            assert row.length == last - first
            assert row.mean_mask == pytest.approx(mask[first:last].mean(), abs=1e-6)
            assert row.delta == deltas[-1]
        assert found.frame["elsewhere"].tolist() == [0.0] * 6
        assert found.frame["delta"].iloc[-1] == 0.0  # blacklisted, so closed as it is
        order = sorted(range(6), key=lambda i: -abs(deltas[i]))
        assert [found.frame["rank"].iloc[i] for i in order] == [1, 2, 3, 4, 5, 6]


def test_neutralised_targets_have_a_mask_of_their_own_and_say_so(coupled):
    window = make_window()
    target = some_targets(window)[1]
    found = delete(Experiment(coupled, window), [target], neutralise=True)
    codes, signals = window.codes.copy(), window.signals.copy()
    codes[300:420], signals[300:420, :2] = 4, 0
    altered = replace(window, codes=codes, signals=signals)
    before = coupled.default_rule.mask(coupled.posterior(window))
    mask = coupled.default_rule.mask(coupled.posterior(altered))
    mask[300:420] = 0
    row = found.frame.iloc[0]
    changed = expression(coupled, altered, mask) - expression(coupled, window, before)
    assert row["delta"] == pytest.approx(changed, abs=1e-6)
    other = np.r_[0:300, 420:1200]
    assert row["elsewhere"] == pytest.approx(np.abs(mask - before)[other].sum(), rel=1e-4)
    assert row["elsewhere"] > 0
    assert any("elsewhere" in note for note in found.notes)


def test_stopping_returns_what_is_done(coupled):
    window = make_window()
    targets = some_targets(window)

    def stop(fraction, text):
        if "4 of 6" in text:
            raise Stopped

    found = delete(Experiment(coupled, window), targets, progress=stop)
    assert not found.complete and found.frame["name"].tolist() == ["t0", "t1", "t2"]
    assert found.notes[-1] == "Stopped after 3 of 6 targets."
    assert sorted(found.frame["rank"]) == [1, 2, 3]
    whole = delete(Experiment(coupled, window), targets)
    assert whole.frame["delta"].iloc[:3].tolist() == found.frame["delta"].tolist()

    def at_once(fraction, text):
        raise Stopped

    Kept.forget()
    with pytest.raises(Stopped):
        delete(Experiment(coupled, window), targets, progress=at_once)


def test_as_a_job_of_a_page(coupled):
    window = make_window()
    job = Job(
        "key",
        lambda report: delete(Experiment(coupled, window), some_targets(window), progress=report),
    )
    job.run()
    assert job.state == "done" and job.fraction == 1 and len(job.result.frame) == 6


def test_no_target_is_an_empty_table(coupled):
    found = delete(Experiment(coupled, make_window()), [])
    assert found.frame.empty and found.complete and np.isfinite(found.reference)
    assert list(found.frame)[:5] == ["name", "chrom", "start", "end", "role"]


def test_tiles_start_at_multiples_and_are_cut_at_the_ends():
    window = replace(make_window(), interval=Interval("chr1", -170, 1030), pad_left=170)
    found = tiles(window, 250, 100)
    covered = [(t.interval.start, t.interval.end) for t in found]
    by_hand = [(max(k, 0), min(k + 250, 1030)) for k in range(-200, 1030, 100)]
    assert covered == by_hand
    assert [t.name for t in found][:2] == ["tile_1", "tile_2"]
    # The promoter of this model view is TSS ± 1 kb, cut to the window, so every tile is in it.
    assert {t.role for t in found} == {"promoter"}
    plain = tiles(make_window(length=4000), 1000)
    assert sum(t.interval.width for t in plain) == 4000
    assert all(t.interval.start % 1000 == 0 for t in plain)
    assert [t.role for t in plain] == ["distal", "promoter", "promoter", "distal"]


@pytest.mark.parametrize(("width", "step"), [(0, None), (100, 0), (-5, 10)])
def test_tiles_of_nothing_are_refused(width, step):
    with pytest.raises(InputError, match="at least 1 bp"):
        tiles(make_window(), width, step)


def test_too_many_tiles_are_refused():
    with pytest.raises(InputError, match=r"30,000 tiles .* at least 2 bp"):
        tiles(make_window(length=30_000), 1)
    assert len(tiles(make_window(length=30_000), 1, 2)) == 15_000


def test_targets_of_elements_and_tables():
    window = make_window(length=4000)
    element = Element(at(window, 5, 60), TSS, 0.5, 0.9, "distal", "element_1")
    assert element_targets([element]) == [Target("element_1", at(window, 5, 60), "distal")]
    start = window.interval.start
    frame = pd.DataFrame(
        {
            "chrom": ["chr1", "chr2", "chr1", "chr1", "chr1"],
            "start": [start - 10, start + 5, start - 50, start + 900, start + 3999],
            "end": [start + 1, start + 50, start, start + 1001, start + 5000],
            "name": ["left", "other", "touching", ".", ""],
        }
    )
    found = interval_targets(frame, window, "peak")
    assert [(t.name, t.role) for t in found] == [
        ("left", "distal"),
        ("peak_4", "promoter"),
        ("peak_5", "distal"),
    ]
    assert found[0].interval == Interval("chr1", start - 10, start + 1)
    unnamed = interval_targets(frame.drop(columns="name"), window)
    assert [t.name for t in unnamed] == ["span_1", "span_4", "span_5"]


def test_the_role_is_by_a_shared_base():
    window = make_window(length=4000)
    assert PROMOTER < 2000  # the window's promoter, not this model's, decides
    assert role_of(window, at(window, 0, 1000)) == "distal"
    assert role_of(window, at(window, 0, 1001)) == "promoter"
    assert role_of(window, at(window, 2999, 4000)) == "promoter"
    assert role_of(window, at(window, 3000, 4000)) == "distal"


def test_a_target_outside_is_refused(coupled):
    window = make_window()
    target = Target("far", at(window, 5000, 5100), "distal")
    with pytest.raises(InputError, match="no base in the window"):
        delete(Experiment(coupled, window), [target])
