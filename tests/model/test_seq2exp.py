"""Seq2Exp soft and hard: counts, worked values, and the whole forward pass in float64 numpy."""

import numpy as np
import numpy_network
import pytest
import torch
from released_layout import arrays, inputs, random_model

from seq2exp.errors import InputError
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp

PROMOTER, LENGTH = 8, 40
TINY = {"promoter": PROMOTER, "window": LENGTH}


def tiny(variant: str, **changes) -> Seq2Exp:
    make = {"soft": ModelConfig.soft, "hard": ModelConfig.hard}[variant]
    return random_model(make("tiny", **{**TINY, **changes}))


def numpy_of(*tensors):
    return [t.double().numpy() for t in tensors]


# ---- counts and constants ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "total", "frozen"),
    [
        (ModelConfig.soft(), 1_114_249, 6),
        (ModelConfig.hard(), 26_174_985, 6),
        (ModelConfig.hard(position_embedding=False), 574_985, 6),
    ],
)
def test_parameter_counts_of_the_paper(config, total, frozen):
    with torch.device("meta"):
        model = Seq2Exp(config)
    assert sum(p.numel() for p in model.parameters()) == total
    assert sum(p.numel() for p in model.parameters() if not p.requires_grad) == frozen
    parts = {"mask_output": 258, "pToExpr": 34_305, "seq_input_layer": 640}
    for name, size in {**parts, "signal_input_layer": 512}.items():
        assert sum(p.numel() for p in model.get_submodule(name).parameters()) == size


def test_starting_values():
    model = Seq2Exp(ModelConfig.hard("tiny", position_embedding=True, window=2000))
    assert bool((model.pos_emb == 0).all())
    for name, parameter in model.named_parameters():
        if name.endswith("bias") and "dt_proj" not in name and "conv1d" not in name:
            assert bool((parameter == 0).all()), name
    assert model.prior_weights.tolist() == pytest.approx([-0.91629, -0.91629, -1.60944], abs=1e-5)
    assert model.signal_betas.tolist() == pytest.approx([1.5, 0.2, 1.0])


@pytest.mark.parametrize(
    ("variant", "signals", "alpha", "beta", "mean"),
    [
        ("soft", (0, 0, 0), 11.598139, 20.654355, 0.359604),
        ("soft", (4, 1, 0.5), 32.598139, 20.654355, 0.612143),
        ("hard", (0, 0, 0), 0.598139, 1.734355, 0.256437),
        ("hard", (4, 1, 0.5), 2.698139, 1.734355, 0.608718),
    ],
)
def test_worked_values(variant, signals, alpha, beta, mean):
    model = tiny(variant)
    with torch.no_grad():  # the logits are the head's biases
        model.mask_output.weight.zero_()
        model.mask_output.bias.copy_(torch.tensor([0.3, -0.2]))
        one_hot, _, _ = inputs(1, LENGTH)
        given = torch.tensor(signals, dtype=torch.float32).expand(1, LENGTH, 3)
        found = model.posterior_parameters(one_hot, given)
        post = model.posterior(one_hot, given)
    assert found.alpha[0, 7].item() == pytest.approx(alpha, abs=1e-5)
    assert found.beta[0, 7].item() == pytest.approx(beta, abs=1e-5)
    assert post.mean[7] == pytest.approx(mean, abs=1e-6)
    minimum = {"soft": 1, "hard": 0}[variant]
    factor = {"soft": 10, "hard": 1}[variant]
    parts = [0.598139 + minimum] + [
        w * factor * (s + minimum) for w, s in zip((0.4, 0.4, 0.2), signals, strict=True)
    ]
    assert post.evidence[7] == pytest.approx(parts, abs=1e-5)
    assert post.prior == model.config.prior
    assert post.forced_open == slice(16, 24)


# ---- the whole pass ------------------------------------------------------------------------------


def test_soft_equals_the_reference():
    model = tiny("soft", generator_layers=2, predictor_layers=2)
    one_hot, signals, features = inputs(2, LENGTH)
    blacklist = torch.zeros(2, LENGTH, dtype=torch.bool)
    blacklist[0, 10:20] = True
    with torch.no_grad():
        out = model(one_hot, signals, features, blacklist)
    for i in range(2):
        x, s, f = numpy_of(one_hot[i], signals[i], features[i])
        alpha, beta = numpy_network.beta_parameters(arrays(model), x, s, "soft")
        np.testing.assert_allclose(out.alpha[i], alpha, rtol=1e-4)
        np.testing.assert_allclose(out.beta[i], beta, rtol=1e-4)
        mask = alpha / (alpha + beta)
        if i == 0:
            mask[10:20] = 0
        mask[16:24] = 1  # promoter last: it wins over the blacklist
        np.testing.assert_allclose(out.mask[i], mask, rtol=1e-4)
        want = numpy_network.predict_soft(arrays(model), x, s, f, mask, slice(16, 24))
        np.testing.assert_allclose(out.prediction[i], want, rtol=2e-4, atol=2e-5)


def test_hard_equals_the_reference_batch_mates_included():
    model = tiny("hard", position_embedding=True, generator_layers=2)
    one_hot, signals, features = inputs(3, LENGTH, seed=3)
    with torch.no_grad():
        out = model(one_hot, signals, features)
    kept = out.mask.sum(1).int()
    assert len(set(kept.tolist())) > 1, "the samples must differ in length"
    for i in range(3):
        x, s, f = numpy_of(one_hot[i], signals[i], features[i])
        alpha, beta = numpy_network.beta_parameters(arrays(model), x, s, "hard")
        np.testing.assert_allclose(out.alpha[i], alpha, rtol=1e-4)
        mask = (alpha / (alpha + beta) >= 0.5).astype(float)
        mask[16:24] = 1
        np.testing.assert_array_equal(out.mask[i], mask)
        padding = int(kept.max() - kept[i])
        want = numpy_network.predict_hard(arrays(model), x, s, f, mask, PROMOTER, padding)
        np.testing.assert_allclose(out.prediction[i], want, rtol=2e-4, atol=2e-5)


def test_pad_invariant_makes_each_sample_its_own():
    one_hot, signals, features = inputs(3, LENGTH, seed=3)
    released, fixed = tiny("hard"), tiny("hard", pad_invariant=True)
    fixed.load_state_dict(released.state_dict())
    mask = torch.ones(3, LENGTH)
    mask[1, :10] = 0
    mask[2, 24:] = 0
    with torch.no_grad():
        together = fixed.predict(one_hot, signals, features, mask)
        mates = released.predict(one_hot, signals, features, mask)
        for i in range(3):
            part = slice(i, i + 1)
            for model in (fixed, released):
                alone = model.predict(one_hot[part], signals[part], features[part], mask[part])
                torch.testing.assert_close(together[part], alone, rtol=1e-5, atol=1e-6)
    assert (mates - together)[1:].abs().min() > 1e-5


def test_hard_runs_on_what_it_keeps_alone():
    model = tiny("hard", position_embedding=True)
    one_hot, signals, features = inputs(2, LENGTH)
    mask = torch.zeros(2, LENGTH)
    mask[:, model.promoter(LENGTH)] = 1
    mask[0, 3:10] = 1
    rows = []
    for module in model.generator.layers:
        module.register_forward_hook(lambda _, args, __: rows.append(tuple(args[0].shape[:-1])))
    with torch.no_grad():
        model.predict(one_hot, signals, features, mask)
    layers = model.config.generator_layers
    assert rows == [(2, PROMOTER + 7)] * layers


def test_hard_reads_nothing_it_does_not_keep():
    model = tiny("hard")
    one_hot, signals, features = inputs(1, LENGTH)
    mask = torch.zeros(1, LENGTH)
    mask[:, 16:24] = 1
    mask[:, 30] = 1
    changed = one_hot.clone()
    changed[:, :16] = changed[:, :16].flip(-1)
    with torch.no_grad():
        a = model.predict(one_hot, signals, features, mask)
        assert torch.equal(a, model.predict(changed, signals, features, mask))
        nothing = model.predict(one_hot, signals, features, torch.zeros(1, LENGTH))
    assert bool(torch.isfinite(nothing).all())


def test_a_shorter_window_takes_the_middle_of_the_position_embedding():
    model = tiny("hard", position_embedding=True)
    one_hot, signals, _ = inputs(1, 20)
    with torch.no_grad():
        got = model._embed(one_hot, signals)
        seq = model.seq_input_layer(one_hot) + model.signal_input_layer(signals)
        torch.testing.assert_close(got - seq, model.pos_emb[:, 10:30])
    with pytest.raises(InputError, match="crop"):
        model.posterior_parameters(*inputs(1, LENGTH + 2)[:2])


def test_promoter_stands_at_the_middle_of_any_window():
    model = tiny("soft")
    one_hot, signals, features = inputs(1, 100)
    with torch.no_grad():
        mask = model(one_hot, signals, features).mask
    assert (mask[0] == 1).nonzero().flatten().tolist() == list(range(46, 54))
    for length in (6, 41):
        with pytest.raises(InputError, match="even length"):
            model.posterior_parameters(*inputs(1, length)[:2])


# ---- training ------------------------------------------------------------------------------------


def gradient_at_mask_head(model: Seq2Exp) -> float:
    torch.manual_seed(1)
    model.train()
    one_hot, signals, features = inputs(2, LENGTH)
    model(one_hot, signals, features).prediction.sum().backward()
    grad = model.mask_output.weight.grad
    return 0.0 if grad is None else grad.abs().sum().item()


def test_soft_samples_in_training_only_and_is_moved_by_the_prediction():
    model = tiny("soft")
    given = inputs(1, LENGTH)
    with torch.no_grad():
        assert torch.equal(model(*given).mask, model(*given).mask)
        model.train()
        torch.manual_seed(0)
        first, second = model(*given).mask, model(*given).mask
    assert not torch.equal(first, second)
    assert bool((first[:, 16:24] == 1).all()) and bool(((first >= 0) & (first <= 1)).all())
    assert gradient_at_mask_head(model) > 0


def test_released_hard_detaches_the_mask_and_compact_ste_does_not():
    released = tiny("hard")
    assert gradient_at_mask_head(released) == 0
    backbone = released.generator.layers[0].mixer.in_proj.weight.grad
    assert backbone is not None and backbone.abs().sum() > 0
    coupled = tiny("hard", hard_apply="compact_ste")
    assert gradient_at_mask_head(coupled) > 0
    released.eval(), coupled.eval()
    coupled.load_state_dict(released.state_dict())
    given = inputs(2, LENGTH)
    with torch.no_grad():  # the values are the same
        assert torch.equal(released(*given).prediction, coupled(*given).prediction)


def test_hard_samples_are_binary_at_any_threshold():
    for threshold in (0.3, 0.5, 0.8):
        model = tiny("hard", threshold=threshold).train()
        mask = model(*inputs(2, LENGTH)).mask
        assert set(mask.flatten().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("variant", ["soft", "hard"])
def test_bfloat16_autocast_trains_and_stays_near(variant):
    model = tiny(variant)
    given = inputs(2, LENGTH)
    with torch.no_grad():
        want = model(*given)
        mask = want.mask
        want_hidden = model.predict(*given, mask)
        with torch.autocast("cpu", torch.bfloat16):
            got = model(*given)
            got_hidden = model.predict(*given, mask)
    assert got.prediction.dtype == got.alpha.dtype == got.mask.dtype == torch.float32
    torch.testing.assert_close(got.alpha, want.alpha, rtol=0.02, atol=0.05)
    torch.testing.assert_close(got_hidden, want_hidden, rtol=0.05, atol=0.1)
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        out = model(*given)
    (out.prediction.sum() + out.alpha.mean()).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()), name


# ---- switches ------------------------------------------------------------------------------------


def test_generator_inputs_decide_what_the_generator_sees():
    one_hot, signals, _ = inputs(1, LENGTH)
    for inputs_, seen in (("sequence", False), ("all", True)):
        model = tiny("soft", generator_inputs=inputs_)
        with torch.no_grad():
            a = model.posterior_parameters(one_hot, signals).alpha_sequence
            b = model.posterior_parameters(one_hot, signals.flip(1)).alpha_sequence
        assert torch.equal(a, b) is not seen


def test_combine_as_in_the_paper_takes_one_off():
    one_hot, signals, _ = inputs(1, LENGTH)
    plain, paper = tiny("soft"), tiny("soft", combine="sum_minus_one")
    with torch.no_grad():
        a, b = (m.posterior_parameters(one_hot, signals) for m in (plain, paper))
        post = paper.posterior(one_hot, signals)
    torch.testing.assert_close(a.alpha - 1, b.alpha)
    torch.testing.assert_close(a.beta - 1, b.beta)
    np.testing.assert_allclose(post.evidence.sum(1), post.alpha, rtol=1e-5)


def test_share_backbone_and_scales():
    assert tiny("soft", share_backbone=True).encoder is None
    one_hot, signals, features = inputs(1, LENGTH)
    scaled, plain = tiny("soft", signal_scale=(0.1, 0.3, 2.0), z_scale=3.0), tiny("soft")
    with torch.no_grad():
        want = plain(one_hot, signals * torch.tensor([0.1, 0.3, 2.0]), features)
        got = scaled(one_hot, signals, features)
    torch.testing.assert_close(got.alpha, 3 * want.alpha)
    torch.testing.assert_close(got.prediction, want.prediction)


def test_posterior_evidence_sums_to_alpha_and_keeps_the_blacklist():
    model = tiny("soft")
    one_hot, signals, features = inputs(1, LENGTH)
    blacklist = torch.zeros(1, LENGTH, dtype=torch.bool)
    blacklist[0, 3] = True
    post = model.posterior(one_hot, signals, blacklist)
    np.testing.assert_allclose(post.evidence.sum(1), post.alpha, rtol=1e-5)
    with torch.no_grad():
        out = model(one_hot, signals, features, blacklist)
    np.testing.assert_array_equal(post.soft(), out.mask[0])
    assert post.soft()[3] == 0


def test_signals_of_another_shape_are_a_programming_error():
    one_hot, signals, _ = inputs(1, LENGTH)
    with pytest.raises(ValueError, match="signals"):
        tiny("soft").posterior_parameters(one_hot, signals[:, :-2])
