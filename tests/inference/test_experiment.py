"""Experiments against full passes of the network, one an edit, with everything made by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from windows import PROMOTER, TSS, make_model, make_window

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.inference.jobs import Stopped
from seq2exp.inference.perturb import Edit, Experiment
from seq2exp.inference.perturb.memory import Kept
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.model.beta import BetaPrior

COUPLED = {
    **{"mask_at": "layers", "pooling": "all", "pool_bases": 50.0, "generator_inputs": "all"},
    **{"smooth": 5, "signal_smooth": (11, 1, 1)},
}
LENGTH = 1200


@pytest.fixture(scope="module", params=["soft", "hard", "coupled"])
def predictor(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / f"{request.param}.safetensors"
    variant, changes = ("soft", COUPLED) if request.param == "coupled" else (request.param, {})
    make_model(path, variant, **changes)
    return Predictor(path, device="cpu")


@pytest.fixture(autouse=True)
def _nothing_kept():
    Kept.forget()


def at(first, last):
    return Interval("chr1", TSS - LENGTH // 2 + first, TSS - LENGTH // 2 + last)


def whole_pass(predictor, window, rule, prior=None, posterior_of=None, closed=()):
    """Mask and prediction of one pass by torch modules alone, nothing left out."""
    model = predictor.model
    source = posterior_of or window

    def tensor(values):
        return torch.from_numpy(np.ascontiguousarray(values))[None]

    model.use_scan("torch")
    try:
        with torch.no_grad():
            found = model.posterior(
                *(tensor(getattr(source, n)) for n in ("one_hot", "signals", "blacklist"))
            )
            if prior is not None:
                found = found.retilt(prior)
            mask = rule.mask(found).copy()
            for first, last in closed:
                mask[max(first, 0) : last] = 0
            given = (tensor(getattr(window, n)) for n in ("one_hot", "signals", "features"))
            return mask, model.predict(*given, tensor(mask)).item()
    finally:
        model.use_scan("auto")


@pytest.mark.parametrize("tilted", [False, True])
@pytest.mark.parametrize(
    "rule",
    [MaskRule("soft"), MaskRule("hard", 0.45), MaskRule("top", fraction=0.3)],
    ids=lambda rule: rule.mode,
)
def test_closing_spans_is_a_pass_with_the_mask_closed_there(predictor, rule, tilted):
    window, own = make_window(), predictor.config.prior
    prior = BetaPrior.from_mean(0.7 * own.mean, own.strength) if tilted else None
    experiment = Experiment(predictor, window, rule, prior)
    rule = experiment.rule
    spans = [[(200, 230)], [(640, 660)], [(-30, 40), (1100, 1300)], [(550, 700)], [(0, 1200)]]
    effects = list(experiment.effects([[Edit(at(*s), "close") for s in some] for some in spans]))
    mask, reference = whole_pass(predictor, window, rule, prior)
    np.testing.assert_allclose(experiment.reference().mask, mask, atol=1e-6)
    for effect, some in zip(effects, spans, strict=True):
        _, altered = whole_pass(predictor, window, rule, prior, closed=some)
        assert effect.reference == pytest.approx(reference, abs=3e-6)
        assert effect.altered == pytest.approx(altered, abs=3e-6)
        assert effect.elsewhere == 0
        covered = np.concatenate([np.arange(max(a, 0), min(b, LENGTH)) for a, b in some])
        assert effect.mask == pytest.approx(mask[covered].mean(), abs=1e-6)
        cage = [10**value - 1 for value in (effect.reference, effect.altered)]
        if cage[0] > 0:
            assert effect.share == pytest.approx(1 - max(cage[1], 0) / cage[0])
        else:
            assert np.isnan(effect.share)
    assert len({effect.altered for effect in effects}) == len(spans)


def test_outside_a_closed_span_the_mask_is_the_same_bit_for_bit(predictor):
    for rule in (MaskRule("soft"), MaskRule("hard", 0.45), MaskRule("top", fraction=0.3)):
        experiment = Experiment(predictor, make_window(), rule)
        before = experiment.reference()
        after = experiment.altered([Edit(at(380, 560), "close")])
        inside = np.zeros(LENGTH, bool)
        inside[380:560] = True
        assert after.mask[~inside].tobytes() == before.mask[~inside].tobytes()
        assert not after.mask[inside].any() and before.mask[inside].any()
        assert after.posterior is before.posterior


def test_edits_of_inputs_make_a_new_mask(predictor):
    window = make_window()
    experiment = Experiment(predictor, window, MaskRule("soft", threshold=0.4))
    rule = experiment.rule
    edits = [
        Edit(at(300, 420), "close"),
        Edit(at(300, 420), "neutralise"),
        Edit(at(700, 900), "scale", "DNase", 4.0),
    ]
    codes, signals = window.codes.copy(), window.signals.copy()
    codes[300:420], signals[300:420, :2] = 4, 0
    signals[700:900, 1] *= 4
    altered = replace(window, codes=codes, signals=signals)
    mask, expression = whole_pass(predictor, altered, rule, closed=[(300, 420)])
    before, _ = whole_pass(predictor, window, rule)
    found, effect = experiment.altered(edits), experiment.effect(edits)
    np.testing.assert_allclose(found.mask, mask, atol=2e-6)
    assert found.expression == pytest.approx(expression, abs=3e-6)
    assert effect.altered == found.expression
    other = np.ones(LENGTH, bool)
    other[300:420] = other[700:900] = False
    assert effect.elsewhere == pytest.approx(np.abs(mask - before)[other].sum(), abs=1e-3)
    if predictor.model_id != "hard":
        assert effect.elsewhere > 0


def counted(predictor):
    """Count the runs of either half of the network."""
    runs = {"generator": 0, "predictor": 0}
    posterior, express = predictor.posterior, predictor.express

    def first(*given, **named):
        runs["generator"] += 1
        return posterior(*given, **named)

    def second(*given, **named):
        runs["predictor"] += 1
        return express(*given, **named)

    predictor.posterior, predictor.express = first, second
    return runs


@pytest.fixture
def fresh(tmp_path):
    make_model(tmp_path / "soft.safetensors")
    return Predictor(tmp_path / "soft.safetensors", device="cpu")


def test_closing_what_is_closed_changes_exactly_nothing(fresh):
    runs = counted(fresh)
    experiment = Experiment(fresh, make_window())  # bases 100 to 160 are blacklisted
    for edits in ([Edit(at(100, 160), "close")], []):
        effect = experiment.effect(edits)
        assert effect.delta == 0 and effect.altered == effect.reference
    assert runs == {"generator": 1, "predictor": 1}
    rule = MaskRule("hard", threshold=1.0)
    effect = Experiment(fresh, make_window(), rule).effect([Edit(at(0, 500), "close")])
    assert effect.delta == 0


def test_all_but_the_promoter_closed_is_the_promoter_alone(predictor):
    window = make_window()
    experiment = Experiment(predictor, window)
    half = PROMOTER // 2
    middle = LENGTH // 2
    edits = [Edit(at(0, middle - half), "close"), Edit(at(middle + half, LENGTH), "close")]
    alone = np.zeros(LENGTH, np.float32)
    alone[middle - half : middle + half] = 1
    assert experiment.effect(edits).altered == predictor.express(window, alone)


def test_what_was_computed_is_kept_by_content(fresh, tmp_path):
    runs = counted(fresh)
    edits = [[Edit(at(i, i + 40), "close")] for i in (200, 300, 400)]
    first = list(Experiment(fresh, make_window()).effects(edits))
    assert runs == {"generator": 1, "predictor": 4}
    assert list(Experiment(fresh, make_window()).effects(edits)) == first
    assert runs == {"generator": 1, "predictor": 4}
    Experiment(fresh, make_window(), MaskRule("hard", 0.4)).effect(edits[0])
    assert runs == {"generator": 1, "predictor": 6}  # another rule: the same posterior
    Experiment(fresh, make_window(), prior=BetaPrior(2.0, 60.0)).effect(edits[0])
    assert runs == {"generator": 1, "predictor": 8}
    Experiment(fresh, make_window(seed=1)).effect(edits[0])
    assert runs == {"generator": 2, "predictor": 10}

    # Another file with the same weights is the same model; other weights are another.
    for seed, changed in ((0, False), (1, True)):
        make_model(tmp_path / f"other{seed}.safetensors", seed=seed)
        other = Predictor(tmp_path / f"other{seed}.safetensors", device="cpu")
        runs = counted(other)
        found = list(Experiment(other, make_window()).effects(edits))
        assert (found != first) == changed and (sum(runs.values()) > 0) == changed


def test_what_is_kept_is_bounded_and_the_longest_unused_goes():
    kept = Kept(3)
    for key in "abc":
        kept.put(key, key.upper())
    assert kept.get("a") == "A"
    kept.put("d", "D")
    assert [kept.get(key) for key in "abcd"] == ["A", None, "C", "D"] and len(kept) == 3


def test_a_posterior_that_is_there_spares_the_generator(fresh):
    window = make_window()
    posterior = fresh.posterior(window)
    runs = counted(fresh)
    effect = Experiment(fresh, window, posterior=posterior).effect([Edit(at(200, 230), "close")])
    assert runs == {"generator": 0, "predictor": 2} and effect.delta != 0


def test_progress_grows_to_one_and_stopping_keeps_what_is_done(fresh):
    told = []
    edits = [[Edit(at(i, i + 40), "close")] for i in range(200, 500, 50)]
    experiment = Experiment(fresh, make_window())
    reported = list(experiment.effects(edits, lambda f, text: told.append((f, text)), "Deleting"))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert "Deleting: 3 of 6" in {text for _, text in told}
    Kept.forget()

    def stop(fraction, text):
        if "4 of 6" in text:
            raise Stopped

    done = []
    with pytest.raises(Stopped):
        done.extend(experiment.effects(edits, stop, "Deleting"))
    runs = counted(fresh)
    assert list(experiment.effects(edits)) == reported
    assert runs == {"generator": 0, "predictor": 3}  # the first three are kept


def test_a_window_over_the_chromosomes_end(predictor):
    window = make_window(pad_left=400)
    codes, signals = window.codes.copy(), window.signals.copy()
    codes[:400], signals[:400] = 4, 0
    window = replace(
        window, codes=codes, signals=signals, interval=Interval("chr1", -400, LENGTH - 400)
    )
    experiment = Experiment(predictor, window)
    place = Interval("chr1", 0, 150)  # what hangs over the end is padding
    _, altered = whole_pass(predictor, window, experiment.rule, closed=[(400, 550)])
    assert experiment.effect([Edit(place, "close")]).altered == pytest.approx(altered, abs=3e-6)
    with pytest.raises(InputError, match=r"chr1:1-800"):
        experiment.effect([Edit(Interval("chr1", 800, 900), "close")])
