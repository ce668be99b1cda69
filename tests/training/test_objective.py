"""The objective, the schedule and the parameter groups against their closed forms."""

import math

import pytest
import torch
from scipy import integrate, stats
from torch import nn

from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Output, Seq2Exp
from seq2exp.training.objective import continuity, objective, parameter_groups, schedule


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 1e-5),
        (2_500, 2.55e-4),
        (5_000, 5e-4),
        (27_500, 3e-4),
        (49_999, 1.000000005e-4),
        (50_000, 1e-4),
        (10**6, 1e-4),
    ],
)
def test_the_published_schedule(step: int, rate: float) -> None:
    assert schedule(step) == pytest.approx(rate, rel=1e-9)


def test_a_schedule_scales_with_its_peak_and_length() -> None:
    assert schedule(0, 1_000, peak=5e-3) == pytest.approx(1e-4)
    assert schedule(100, 1_000, peak=5e-3) == pytest.approx(5e-3)
    assert schedule(1_000, 1_000, peak=5e-3) == pytest.approx(1e-3)
    assert schedule(1_000, 1_000, peak=5e-3, floor=5e-4) == pytest.approx(5e-4)
    # A run too short for a warm-up begins at the peak.
    assert schedule(0, 5, peak=1.0) == 1.0
    rates = [schedule(step, 200) for step in range(200)]
    assert rates.index(max(rates)) == 20
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)


@pytest.mark.parametrize(
    ("alpha", "beta", "prior", "kl"),
    [
        (2.0, 3.0, (10.0, 90.0), 29.222025376839753),
        (11.7, 20.5, (10.0, 90.0), 18.736429348649068),
        (1.5, 2.0, (0.1, 0.11 / 0.09 * 0.1), 1.4339324240227826),
    ],
)
def test_the_loss_is_smooth_l1_plus_weighted_kl(
    alpha: float, beta: float, prior: tuple[float, float], kl: float
) -> None:
    prediction = torch.tensor([[0.5], [3.0]])
    label = torch.tensor([[0.1], [0.5]])
    fit = (0.5 * 0.4**2 + (2.5 - 0.5)) / 2  # quadratic below 1, linear above
    output = Output(
        prediction, torch.full((2, 6), 0.3), torch.full((2, 6), alpha), torch.full((2, 6), beta)
    )
    config = ModelConfig.soft(
        "tiny", prior_mean=prior[0] / sum(prior), prior_strength=prior[0], kl_weight=0.01
    )
    loss = objective(output, label, config)
    assert loss.prediction.item() == pytest.approx(fit, rel=1e-6)
    assert loss.sparsity is not None and loss.continuity is not None
    assert loss.sparsity.item() == pytest.approx(0.01 * kl, rel=2e-5)
    assert loss.total.item() == pytest.approx(fit + 0.01 * kl, rel=1e-5)
    assert loss.continuity.item() == 0


def test_the_divergence_runs_from_the_posterior_to_the_prior() -> None:
    posterior, prior = stats.beta(4, 6), stats.beta(2, 9)
    expected = integrate.quad(
        lambda m: posterior.pdf(m) * (posterior.logpdf(m) - prior.logpdf(m)), 0, 1
    )[0]
    same = torch.zeros(1, 1)
    output = Output(same, torch.zeros(1, 2), torch.tensor([[4.0, 2.0]]), torch.tensor([[6.0, 9.0]]))
    config = ModelConfig.soft("tiny", prior_mean=2 / 11, prior_strength=2, kl_weight=1.0)
    loss = objective(output, same, config)
    # The second position is the prior itself, and the mean is over positions.
    assert loss.total.item() == pytest.approx(expected / 2, rel=1e-5)


def test_a_network_without_a_mask_has_no_sparsity() -> None:
    loss = objective(Output(torch.tensor([[1.0]])), torch.tensor([[1.5]]), None)
    assert loss.total.item() == loss.prediction.item() == pytest.approx(0.125)
    assert loss.sparsity is None and loss.continuity is None


@pytest.mark.parametrize(
    ("progress", "target"), [(0, 0.64), (0.2, 0.64), (0.4, 0.08), (0.6, 0.01), (1, 0.01)]
)
def test_a_ratio_is_approached_from_above(progress: float, target: float) -> None:
    config = ModelConfig.soft(
        "tiny", sparsity="ratio", ratio=0.01, ratio_start=0.64, ratio_weight=3.0, ramp=(0.2, 0.6)
    )
    alpha, beta = torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 3.0]])  # means 0.75 and 0.25
    label = torch.zeros(1, 1)
    output = Output(label, torch.zeros(1, 2), alpha, beta)
    loss = objective(output, label, config, progress)
    assert loss.total.item() == pytest.approx(3 * (0.5 / target - 1) ** 2)
    weighted = objective(output, label, config, progress, torch.tensor([[1.0, 3.0]]))
    assert weighted.total.item() == pytest.approx(3 * (0.375 / target - 1) ** 2)


@pytest.mark.parametrize(("progress", "share"), [(0, 0), (0.1, 0), (0.2, 0.5), (0.3, 1), (1, 1)])
def test_the_divergence_may_come_in_along_a_ramp(progress: float, share: float) -> None:
    config = ModelConfig.soft("tiny", ramp=(0.1, 0.3))
    alpha, beta = torch.tensor([[3.0, 10.0]]), torch.tensor([[1.0, 90.0]])
    label = torch.zeros(1, 1)
    output = Output(label, torch.zeros(1, 2), alpha, beta)
    published = objective(output, label, ModelConfig.soft("tiny")).total.item()
    assert published > 0
    found = objective(output, label, config, progress).total.item()
    assert found == pytest.approx(share * published, rel=1e-5)
    # The second base is at the prior; it stands for three.
    weighted = objective(output, label, config, progress, torch.tensor([[1.0, 3.0]])).total.item()
    assert weighted == pytest.approx(share * published / 2, rel=1e-4)


def test_continuity_counts_the_replicated_ends() -> None:
    mask = torch.tensor([[0.0, 1.0, 1.0, 0.25], [0.5, 0.5, 0.5, 0.5]])
    assert continuity(mask).item() == pytest.approx((1.75 / 5 + 0) / 2)


def test_biases_and_state_parameters_do_not_decay() -> None:
    model = Seq2Exp(ModelConfig.soft("tiny"))
    decayed, undecayed = parameter_groups(model)
    names = {id(p): name for name, p in model.named_parameters()}
    assert decayed["weight_decay"] == 1e-6
    assert undecayed["weight_decay"] == 0
    plain = {names[id(p)] for p in undecayed["params"]}
    assert plain == {
        name
        for name, p in model.named_parameters()
        if p.requires_grad and (name.endswith("bias") or name.split(".")[-1] in ("A_log", "D"))
    }
    rest = {names[id(p)] for p in decayed["params"]}
    assert any("norm" in name for name in rest)
    assert any("conv" in name for name in rest)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert plain | rest == trained
    assert len(decayed["params"]) + len(undecayed["params"]) == len(trained)


def test_norms_and_embeddings_of_torch_do_not_decay_and_frozen_ones_are_left_out() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Embedding(5, 4), nn.Linear(4, 2))
    model[3].weight.requires_grad_(False)
    decayed, undecayed = parameter_groups(model, 0.1)
    assert [p.shape for p in decayed["params"]] == [(4, 3)]
    assert len(undecayed["params"]) == 5
    assert math.isclose(decayed["weight_decay"], 0.1)
