"""The Beta mask against closed values, numeric integration and scipy's distributions."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats

from seq2exp.errors import InputError
from seq2exp.model.beta import (
    FLOOR,
    BetaPrior,
    MaskPosterior,
    combine_betas,
    edit_mask,
    kl_beta,
    sample_beta,
    straight_through,
)

positive = st.floats(0.3, 40, allow_subnormal=False)


def posterior(alpha, beta, prior=(10.0, 90.0), promoter=slice(0, 0), closed=None) -> MaskPosterior:
    alpha = np.atleast_1d(np.asarray(alpha, dtype=np.float32))
    beta = np.atleast_1d(np.asarray(beta, dtype=np.float32))
    closed = np.zeros(len(alpha), bool) if closed is None else closed
    evidence = alpha[:, None] * np.float32([0.4, 0.3, 0.2, 0.1])
    return MaskPosterior(alpha, beta, BetaPrior(*prior), evidence, promoter, closed)


@pytest.mark.parametrize(
    ("a", "b", "prior", "expected"),
    [
        (2.0, 3.0, BetaPrior(10, 90), 29.222025376839753),
        (11.7, 20.5, BetaPrior(10, 90), 18.736429348649068),
        (1.5, 2.0, BetaPrior(0.1, 0.1 * 0.55 / 0.45), 1.4339324240227826),
    ],
)
def test_kl_reference_values(a, b, prior, expected):
    alpha, beta = torch.tensor([a, a], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)
    assert kl_beta(alpha, beta, *prior).tolist() == pytest.approx([expected] * 2, rel=1e-12)
    single = kl_beta(alpha.float(), beta.float(), *prior)
    assert single.dtype == torch.float32
    assert single[0].item() == pytest.approx(expected, rel=1e-5)


@settings(max_examples=15, deadline=None)
@given(a=positive, b=positive, a0=positive, b0=positive)
def test_kl_is_the_integral_of_its_definition(a, b, a0, b0):
    # Over the logit of m, dm = m (1 - m) dt, the densities have no poles.
    t = np.linspace(-200, 200, 40_001)
    m, rest = special.log_expit(t), special.log_expit(-t)
    log_q, log_p = (
        (x - 1) * m + (y - 1) * rest - special.betaln(x, y) for x, y in ((a, b), (a0, b0))
    )
    want = np.trapezoid(np.exp(log_q + m + rest) * (log_q - log_p), t)
    value = kl_beta(torch.tensor(a).double(), torch.tensor(b).double(), a0, b0).item()
    assert value == pytest.approx(want, rel=1e-6, abs=1e-7)


def test_combining_by_either_rule():
    first, second = torch.tensor([3.0, 0.2]), torch.tensor([4.0, 0.3])
    assert combine_betas(first, second).tolist() == [7.0, 0.5]
    # The product of Beta(3, ·) and Beta(4, ·) densities is ∝ m^(3-1+4-1): Beta(6, ·).
    product = combine_betas(first, second, "sum_minus_one")
    assert product.tolist() == pytest.approx([6.0, FLOOR])


def test_product_of_densities_is_the_combined_density():
    m = np.linspace(0.01, 0.99, 50)
    product = stats.beta(3, 5).pdf(m) * stats.beta(4, 2).pdf(m)
    alpha = combine_betas(torch.tensor(3.0), torch.tensor(4.0), "sum_minus_one").item()
    beta = combine_betas(torch.tensor(5.0), torch.tensor(2.0), "sum_minus_one").item()
    ratio = product / stats.beta(alpha, beta).pdf(m)
    assert np.ptp(ratio) / ratio.mean() < 1e-6


def test_samples_follow_the_distribution_and_carry_gradient():
    torch.manual_seed(0)
    alpha = torch.full((20_000,), 2.5, requires_grad=True)
    beta = torch.full((20_000,), 1.5, requires_grad=True)
    draws = sample_beta(alpha, beta)
    assert stats.kstest(draws.detach().numpy(), stats.beta(2.5, 1.5).cdf).pvalue > 1e-3
    draws.mean().backward()
    # The mean of the gradient estimates d(a / (a + b)) / da = b / (a + b)².
    assert alpha.grad is not None and beta.grad is not None
    assert alpha.grad.sum().item() == pytest.approx(1.5 / 16, rel=0.05)
    assert beta.grad.sum().item() == pytest.approx(-2.5 / 16, rel=0.05)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.7])
def test_straight_through_is_exactly_binary_with_unit_gradient(threshold):
    soft = torch.cat([torch.rand(500), torch.tensor([threshold, 1e-8])]).requires_grad_()
    hard = straight_through(soft, threshold)
    assert set(hard.tolist()) == {0.0, 1.0}
    assert torch.equal(hard.detach() == 1, soft >= threshold)
    (3 * hard).sum().backward()
    assert soft.grad is not None and bool((soft.grad == 3).all())


def test_promoter_wins_over_blacklist_and_neither_has_gradient():
    mask = torch.full((2, 8), 0.3, requires_grad=True)
    blacklist = torch.zeros(2, 8, dtype=torch.bool)
    blacklist[0, 1:5] = True
    edited = edit_mask(mask, blacklist, slice(4, 6))
    want = [[0.3, 0, 0, 0, 1, 1, 0.3, 0.3], [0.3] * 4 + [1, 1, 0.3, 0.3]]
    assert edited.tolist() == [pytest.approx(row) for row in want]
    edited.sum().backward()
    assert mask.grad is not None
    assert mask.grad.tolist() == [[1, 0, 0, 0, 0, 0, 1, 1], [1, 1, 1, 1, 0, 0, 1, 1]]
    assert edit_mask(mask, None, slice(0, 0)).equal(mask)


# --- the posterior --------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    alpha=st.floats(12, 40),
    beta=st.floats(20, 60),
    mean=st.floats(0.05, 0.4),
    strength=st.floats(85, 105),
)
def test_retilt_is_the_exact_bayes_tilt(alpha, beta, mean, strength):
    old, new = BetaPrior(10, 90), BetaPrior.from_mean(mean, strength)
    post = posterior(alpha, beta, old)
    assume(not post.improper(new))  # such a product has no integral; another test's matter
    m = np.linspace(0, 1, 40_001)[1:-1]
    log_density = (
        stats.beta(alpha, beta).logpdf(m) + stats.beta(*new).logpdf(m) - stats.beta(*old).logpdf(m)
    )
    a, b = post.alpha[0] + new.a - old.a, post.beta[0] + new.b - old.b
    assume(min(a, b) > 1.2)  # below, the density has a pole that the grid cannot integrate
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    tilted = post.retilt(new)
    assert tilted.mean[0] == pytest.approx((density * m).sum(), abs=2e-4)
    cumulative = np.cumsum(density)
    for q in (0.05, 0.5, 0.95):
        assert tilted.quantile(q)[0] == pytest.approx(m[np.searchsorted(cumulative, q)], abs=5e-4)


def test_retilt_floors_keeps_shares_and_undoes_itself():
    post = posterior([11.6, 30.0], [20.6, 95.0])
    new = BetaPrior.from_mean(0.1, 10)
    assert post.improper(new) == 0.5
    tilted = post.retilt(new)
    assert tilted.prior == new
    assert tilted.alpha.dtype == tilted.evidence.dtype == np.float32
    np.testing.assert_allclose(tilted.alpha, [2.6, 21.0], rtol=1e-5)
    np.testing.assert_allclose(tilted.beta, [FLOOR, 14.0], rtol=1e-5)
    np.testing.assert_allclose(tilted.evidence.sum(1), tilted.alpha, rtol=1e-6)
    np.testing.assert_allclose(tilted.shares(), post.shares(), rtol=1e-6)
    back = post.retilt(BetaPrior.from_mean(0.12, 100)).retilt(post.prior)
    np.testing.assert_allclose(back.alpha, post.alpha, rtol=1e-5)
    np.testing.assert_allclose(back.beta, post.beta, rtol=1e-5)
    same = post.retilt(post.prior)
    np.testing.assert_array_equal(same.alpha, post.alpha)


def test_a_larger_prior_mean_opens_the_mask_everywhere():
    rng = np.random.default_rng(0)
    post = posterior(11 + 9 * rng.random(50), 20 + 9 * rng.random(50))
    means = [post.retilt(BetaPrior.from_mean(m, 100)).mean for m in (0.05, 0.1, 0.15)]
    assert (means[0] < means[1]).all() and (means[1] < means[2]).all()


def test_quantiles_equal_scipys_distribution():
    rng = np.random.default_rng(1)
    alpha, beta = 0.5 + 30 * rng.random(40), 0.5 + 30 * rng.random(40)
    post = posterior(alpha, beta)
    for q in (0.05, 0.5, 0.95):
        want = stats.beta(post.alpha.astype(float), post.beta.astype(float)).ppf(q)
        np.testing.assert_allclose(post.quantile(q), want, rtol=1e-5)
        np.testing.assert_array_equal(post.quantile(q, slice(5, 9)), post.quantile(q)[5:9])
        np.testing.assert_array_equal(post.quantile(q, np.array([3, 1])), post.quantile(q)[[3, 1]])


def test_masks_apply_blacklist_then_promoter():
    closed = np.zeros(10, bool)
    closed[[0, 1, 5]] = True
    alpha = np.array([9, 8, 7, 6, 1, 1, 4, 5, 3, 2.0])
    post = posterior(alpha, 10 - alpha, promoter=slice(4, 6), closed=closed)
    np.testing.assert_allclose(post.mean, alpha / 10, rtol=1e-6)
    np.testing.assert_allclose(post.soft(), [0, 0, 0.7, 0.6, 1, 1, 0.4, 0.5, 0.3, 0.2], rtol=1e-6)
    assert post.hard(0.5).tolist() == [0, 0, 1, 1, 1, 1, 0, 1, 0, 0]
    assert post.hard(0.65).tolist() == [0, 0, 1, 0, 1, 1, 0, 0, 0, 0]
    assert post.top(0.4).tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    assert post.top(0).tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert post.top(1).tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
    for mask in (post.soft(), post.hard(), post.top(0.3)):
        assert mask.dtype == np.float32
    given = np.full(10, 0.25)
    post.edit(given)
    assert (given == 0.25).all()  # a copy is edited


def test_top_keeps_exactly_the_asked_share_even_among_equals():
    post = posterior(np.full(1000, 11.0), np.full(1000, 20.0), promoter=slice(490, 510))
    for fraction, count in ((0.1, 100), (0.29, 290), (0.57, 570)):
        assert post.top(fraction).sum() == count
    assert post.top(0.1)[:80].all() and post.top(0.1)[490:510].all()


@pytest.mark.parametrize(("mean", "strength"), [(0, 10), (1, 10), (0.1, 0), (float("nan"), 1)])
def test_impossible_priors_are_refused(mean, strength):
    with pytest.raises(InputError, match="prior"):
        BetaPrior.from_mean(mean, strength)


def test_prior_by_mean_and_strength():
    prior = BetaPrior.from_mean(0.1, 100)
    assert tuple(prior) == pytest.approx((10, 90))
    assert (prior.mean, prior.strength) == pytest.approx((0.1, 100))
    with pytest.raises(InputError, match="fraction"):
        posterior([1.0], [1.0]).top(1.5)
