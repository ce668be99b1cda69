"""The predictor against the network's own forward pass, with masks written out by hand."""

import json
import threading

import numpy as np
import pytest
import torch
from windows import PROMOTER, make_model, make_window

from seq2exp.errors import InputError
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.model.beta import BetaPrior

OPEN = slice(600 - PROMOTER // 2, 600 + PROMOTER // 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def soft(folder):
    make_model(folder / "soft.safetensors")
    return Predictor(folder / "soft.safetensors", device="cpu")


@pytest.fixture(scope="module")
def hard(folder):
    make_model(folder / "hard.safetensors", "hard")
    return Predictor(folder / "hard.safetensors", device="cpu")


def tensors(window):
    parts = (window.one_hot, window.signals, window.features, window.blacklist)
    return [torch.from_numpy(np.ascontiguousarray(part))[None] for part in parts]


@pytest.mark.parametrize("variant", ["soft", "hard"])
def test_default_is_the_networks_own_evaluation(variant, request):
    predictor, window = request.getfixturevalue(variant), make_window()
    with torch.no_grad():
        expected = predictor.model(*tensors(window))
    found = predictor.predict(window)
    assert found.expression == pytest.approx(expected.prediction.item(), abs=1e-6)
    np.testing.assert_allclose(found.mask, expected.mask[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(found.posterior.alpha, expected.alpha[0].numpy(), rtol=1e-5)
    assert found.rule.mode == variant
    assert found.model_id == variant
    assert found.device == "cpu"
    assert found.implementation in ("cpu-fused", "cpu", "torch")
    assert found.seconds > 0
    assert found.ratio == pytest.approx(expected.mask.mean().item(), abs=1e-6)


def by_hand(posterior, rule, window):
    """The rules as their definitions say, one base after another."""
    means = [a / (a + b) for a, b in zip(posterior.alpha, posterior.beta, strict=True)]
    edited = [0.0 if closed else m for m, closed in zip(means, window.blacklist, strict=True)]
    edited[OPEN] = [1.0] * PROMOTER
    if rule.mode == "soft":
        return edited
    if rule.mode == "hard":
        return [1.0 if m >= np.float32(rule.threshold) else 0.0 for m in edited]
    best = sorted(range(len(edited)), key=lambda i: -edited[i])[: int(rule.fraction * len(edited))]
    return [1.0 if i in set(best) else 0.0 for i in range(len(edited))]


@pytest.mark.parametrize(
    "rule",
    [
        MaskRule("soft"),
        MaskRule("hard", threshold=0.6),
        MaskRule("hard", threshold=1.0),
        MaskRule("top", fraction=0.25),
    ],
    ids=lambda rule: f"{rule.mode}-{rule.threshold}",
)
def test_rules_on_a_soft_network_multiply_by_the_mask(soft, rule):
    window = make_window()
    found = soft.predict(window, rule)
    mask = by_hand(found.posterior, rule, window)
    np.testing.assert_allclose(found.mask, mask, atol=1e-6)
    one_hot, signals, features, _ = tensors(window)
    with torch.no_grad():
        embedded = soft.model.seq_input_layer(one_hot) + soft.model.signal_input_layer(signals)
        hidden = soft.model.encoder(embedded * torch.tensor(mask)[None, :, None])
        expected = soft.model.pToExpr(torch.cat([hidden[:, OPEN].mean(1), features], 1)).item()
    assert found.expression == pytest.approx(expected, abs=2e-6)


def test_masks_differ_and_so_do_predictions(soft):
    window = make_window()
    rules = [MaskRule("soft"), MaskRule("hard", threshold=0.5), MaskRule("top", fraction=0.2)]
    first, second, third = (soft.predict(window, rule).expression for rule in rules)
    assert min(abs(first - second), abs(second - third), abs(first - third)) > 5e-5


def test_soft_rule_on_a_hard_network_is_its_threshold_and_says_so(hard):
    window = make_window()
    soft_rule = hard.predict(window, MaskRule("soft", threshold=0.3))
    hard_rule = hard.predict(window, MaskRule("hard", threshold=0.3))
    assert soft_rule.expression == hard_rule.expression
    assert soft_rule.rule == MaskRule("hard", threshold=0.3)
    assert set(np.unique(soft_rule.mask)) <= {0.0, 1.0}
    assert any("hard model" in note for note in soft_rule.notes)
    assert hard_rule.notes == ()


def test_a_prior_tilts_without_the_generator(soft):
    window = make_window()
    first = soft.posterior(window)
    runs = []
    hook = soft.model.generator.register_forward_hook(lambda *_: runs.append(1))
    try:
        found = soft.predict(window, prior=BetaPrior(2.0, 198.0), posterior=first)
    finally:
        hook.remove()
    assert runs == []
    np.testing.assert_allclose(found.posterior.alpha, first.alpha - 10 + 2, rtol=1e-5)
    np.testing.assert_allclose(found.posterior.beta, first.beta - 90 + 198, rtol=1e-5)
    assert found.posterior.prior == BetaPrior(2.0, 198.0)
    whole = soft.predict(window, prior=BetaPrior(2.0, 198.0))
    assert whole.expression == found.expression


def test_a_prior_that_outweighs_everything_is_said(soft):
    found = soft.predict(make_window(), prior=BetaPrior.from_mean(0.001, 1.0))
    assert any("outweighs" in note for note in found.notes)
    assert np.isfinite(found.mask).all()


def test_a_prediction_beyond_every_label_is_said(folder):
    make_model(folder / "ranged.safetensors")
    card = folder / "ranged.json"
    told = []
    for label_range in ([-1e6, 1e6], [1e5, 1e6]):
        card.write_text(json.dumps({**json.loads(card.read_text()), "label_range": label_range}))
        predictor = Predictor(folder / "ranged.safetensors", device="cpu")
        told.append(predictor.predict(make_window()).warning)
    assert told[0] == ""
    assert "out of range" in told[1] and "1e+05 to 1e+06" in told[1]


def test_express_takes_any_mask(soft):
    window = make_window()
    mask = np.zeros(window.length)
    mask[OPEN] = 1
    one_hot, signals, features, _ = tensors(window)
    with torch.no_grad():
        expected = soft.model.predict(one_hot, signals, features, torch.tensor(mask)[None])
    assert soft.express(window, mask) == pytest.approx(expected.item(), abs=1e-6)
    with pytest.raises(ValueError, match="mask"):
        soft.express(window, mask[:-1])


def test_progress_counts_layers_and_can_stop(soft):
    told = []
    soft.predict(make_window(), progress=lambda fraction, text: told.append((fraction, text)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0 and fractions[-1] == 1
    assert any("regulates" in text for _, text in told)

    class Stop(Exception):
        pass

    def stop(fraction, text):
        if fraction >= 0.5:
            raise Stop

    with pytest.raises(Stop):
        soft.predict(make_window(), progress=stop)
    # Neither the lock nor a hook is left behind.
    told.clear()
    soft.predict(make_window())
    assert told == []


def test_threads_share_one_network(soft):
    windows = [make_window(seed=seed) for seed in range(4)]
    alone = [soft.predict(window).expression for window in windows]
    together = [None] * 4
    running, most = 0, 0
    guard = threading.Lock()

    def count(fraction, text):
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        with guard:
            running -= 1

    def work(i):
        together[i] = soft.predict(windows[i], progress=count).expression

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert together == alone
    assert most == 1


@pytest.mark.parametrize("length", [1201, PROMOTER - 2])
def test_windows_that_do_not_fit_are_refused(soft, length):
    window = make_window()
    part = slice(0, length)
    object.__setattr__(window, "codes", np.zeros(length, dtype=np.uint8))
    object.__setattr__(window, "signals", np.zeros((length, 3), dtype=np.float32))
    object.__setattr__(window, "blacklist", np.zeros(length, dtype=np.bool_)[part])
    with pytest.raises(InputError, match="window"):
        soft.posterior(window)


def test_a_longer_window_than_the_position_embedding_is_refused(folder):
    make_model(folder / "positions.safetensors", "hard", position_embedding=True)
    predictor = Predictor(folder / "positions.safetensors", device="cpu")
    with pytest.raises(InputError, match="window"):
        predictor.predict(make_window(length=1400))


def test_numbers_that_are_none_are_refused(folder):
    def no_expression(model):
        model.pToExpr[4].bias.fill_(float("nan"))

    def no_mask(model):
        model.mask_output.bias.fill_(float("inf"))

    for name, spoil in (("expression", no_expression), ("mask", no_mask)):
        make_model(folder / f"{name}.safetensors", spoil=spoil)
        predictor = Predictor(folder / f"{name}.safetensors", device="cpu")
        with pytest.raises(InputError, match=f"no finite {name} for GENE1 in K562"):
            predictor.predict(make_window())


@pytest.mark.parametrize(
    "bad",
    [
        {"mode": "medium"},
        {"threshold": 0},
        {"threshold": 1.01},
        {"threshold": float("nan")},
        {"fraction": 0},
        {"fraction": -1},
        {"fraction": 2},
    ],
)
def test_rules_out_of_range_are_refused(bad):
    with pytest.raises(InputError) as error:
        MaskRule(**bad)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("device", ["gpu3", "meta", "cuda:99"])
def test_devices_that_are_not_there_are_refused(folder, soft, device):
    with pytest.raises(InputError, match="device"):
        Predictor(folder / "soft.safetensors", device=device)


def test_a_missing_model_is_refused(folder):
    with pytest.raises(InputError, match="nowhere"):
        Predictor(folder / "nowhere.safetensors")
