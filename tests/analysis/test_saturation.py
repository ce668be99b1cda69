"""Saturation against one full prediction a substitution."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from experiments import at, expression, make_predictor, make_window

from seq2exp.analysis.saturation import LONGEST, cost_of, saturate
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.inference.jobs import Stopped
from seq2exp.inference.perturb import Experiment
from seq2exp.inference.perturb.memory import Kept
from seq2exp.inference.perturb.substitutions import MARGINS, Substitutions
from seq2exp.inference.predictor import MaskRule

KINDS = ["soft", "hard", "coupled"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def _nothing_kept():
    Kept.forget()


def brute_force(predictor, window, rule, place, held):
    """Δ of every substitution in `place` (indices), each a prediction of its own."""
    rule = predictor.applied(rule)[0]
    mask = rule.mask(predictor.posterior(window))
    reference = expression(predictor, window, mask)
    deltas = np.zeros((place.stop - place.start, 4))
    for row, i in enumerate(range(place.start, place.stop)):
        for code in range(4):
            codes = window.codes.copy()
            codes[i] = code
            other = replace(window, codes=codes)
            own = mask if held else rule.mask(predictor.posterior(other))
            deltas[row, code] = expression(predictor, other, own) - reference
    return deltas


@pytest.mark.parametrize("mask", ["held", "recomputed"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_substitution_is_a_prediction(folder, kind, mask):
    predictor, window = make_predictor(folder, kind), make_window()
    for rule, place in (
        (MaskRule("soft"), slice(590, 606)),
        (MaskRule("hard", 0.5), slice(520, 530)),
    ):
        found = saturate(
            Experiment(predictor, window, rule), at(window, place.start, place.stop), mask=mask
        )
        expected = brute_force(predictor, window, rule, place, mask == "held")
        np.testing.assert_allclose(found.effects, expected, atol=2e-6)
        assert np.abs(expected).max() > 1e-4
        assert found.complete and found.mask == mask
        assert found.sequence == window.sequence[place]
        np.testing.assert_array_equal(found.codes, window.codes[place])
        # A letter stands on what its base adds to the mean of the three others.
        for row, letter in enumerate(found.letters):
            code = window.codes[place.start + row]
            others = [found.effects[row, c] for c in range(4) if c != code]
            assert letter == pytest.approx(0 if code == 4 else 0 - np.mean(others), abs=1e-12)
            assert code == 4 or found.effects[row, code] == 0


def forgetful(model):
    """Let the states forget within a few bases."""
    for layer in model.encoder.layers:
        for direction in (layer.mixer.mamba_fwd, layer.mixer.mamba_rev):
            direction.dt_proj.bias.add_(6)


@pytest.mark.parametrize("kind", ["soft", "coupled"])
def test_bases_nearby_are_enough_where_states_forget(folder, kind):
    predictor = make_predictor(folder, kind, spoil=forgetful)
    window = make_window(length=9000)
    place = slice(4490, 4496)
    found = saturate(Experiment(predictor, window), at(window, 4490, 4496))
    assert f"{MARGINS[0]:,} bp to either side" in found.notes[-1]
    expected = brute_force(predictor, window, MaskRule("soft"), place, held=True)
    # A whole prediction is rounded to float32, and a sum over all bases is large here.
    rounding = 2e-6 * max(1, abs(found.reference))
    np.testing.assert_allclose(found.effects, expected, atol=rounding)
    assert np.abs(expected).max() > 3 * rounding


def test_the_margin_grows_until_the_largest_change_comes_out_right(folder):
    """States that hardly forget: what is near does not do, and the whole window is run."""

    def tenacious(model):
        for layer in model.encoder.layers:
            for direction in (layer.mixer.mamba_fwd, layer.mixer.mamba_rev):
                direction.dt_proj.bias.fill_(-9.0)
                direction.dt_proj.weight.zero_()
                direction.D.zero_()
                direction.x_proj.weight.mul_(30)

    predictor = make_predictor(folder, "soft", spoil=tenacious)
    window = make_window(length=9000)
    mask = predictor.default_rule.mask(predictor.posterior(window))
    work = Substitutions(predictor, window, mask, slice(1500, 1900))
    gone = window.codes.copy()
    gone[1500:1900] = 4
    probe = expression(predictor, replace(window, codes=gone), mask)
    assert work.margin.probe == pytest.approx(probe - expression(predictor, window, mask), abs=1e-6)
    assert abs(work.margin.probe) > 1e-4
    assert work.margin.bases is None  # the promoter is 2,500 bp away, and still reached
    deltas = np.concatenate(list(work.deltas([(1600, 0), (1601, 1)])))
    for (i, code), delta in zip([(1600, 0), (1601, 1)], deltas, strict=True):
        codes = window.codes.copy()
        codes[i] = code
        other = expression(predictor, replace(window, codes=codes), mask)
        assert delta == pytest.approx(other - work.reference, abs=1e-6)


def test_bases_that_are_not_read_have_no_effect_and_cost_nothing(folder, monkeypatch):
    for kind in KINDS:
        predictor, window = make_predictor(folder, kind), make_window()
        experiment = Experiment(predictor, window, MaskRule("hard", 0.5))
        experiment.reference()
        with monkeypatch.context() as patched:
            patched.setattr(torch.nn.Linear, "forward", None)  # nothing may run
            found = saturate(experiment, at(window, 100, 160))  # blacklisted
        assert not found.effects.any() and found.complete
        assert "closed over the whole span" in found.notes[-1]


def test_stopping_leaves_what_is_not_known_open(folder):
    predictor, window = make_predictor(folder, "hard"), make_window()
    window = replace(window, codes=np.where(window.codes == 4, 0, window.codes).astype(np.uint8))

    def stop(fraction, text):
        if "Substituting bases: 12 of" in text:
            raise Stopped

    experiment = Experiment(predictor, window)
    found = saturate(experiment, at(window, 590, 610), progress=stop)
    assert not found.complete and found.notes[-1] == "Stopped after 4 of 20 bases."
    known = np.isfinite(found.letters)
    assert known.sum() == 4 and known[:4].all()
    whole = saturate(experiment, at(window, 590, 610))
    assert whole.complete  # what was stopped is not kept
    np.testing.assert_array_equal(whole.effects[:4], found.effects[:4])
    assert saturate(experiment, at(window, 590, 610)) is whole


def test_progress_grows_to_one(folder):
    predictor, window = make_predictor(folder, "coupled"), make_window()
    for mask in ("held", "recomputed"):
        told = []
        saturate(
            Experiment(predictor, window),
            at(window, 590, 596),
            mask=mask,
            progress=lambda done, text, told=told: told.append(done),
        )
        assert told == sorted(told) and told[-1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ((0, LONGEST + 1), "takes 1 to 500 bp"),
        ((5, 5), "0 bp"),
        ((1190, 1210), "does not lie"),
        ((-5, 5), "does not lie"),
    ],
)
def test_spans_that_do_not_do_are_refused(folder, span, said):
    window = make_window()
    experiment = Experiment(make_predictor(folder, "soft"), window)
    with pytest.raises(InputError, match=said):
        saturate(experiment, at(window, *span))
    with pytest.raises(InputError, match="does not lie"):
        saturate(experiment, Interval("chr2", 1_000_000, 1_000_010))
    padded = Experiment(experiment.predictor, replace(window, pad_left=30))
    with pytest.raises(InputError, match="does not lie"):
        saturate(padded, at(window, 20, 40))


def test_the_cost_is_said():
    assert cost_of(500, "recomputed").startswith("1,500 runs of generator and predictor")
    assert cost_of(20, "held").startswith("60 substitutions")
