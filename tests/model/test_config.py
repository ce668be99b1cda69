"""The configuration: released constants, round trip, and what it refuses."""

import json

import pytest

from seq2exp.errors import InputError
from seq2exp.model.config import ModelConfig


def test_released_constants():
    soft, hard = ModelConfig.soft(), ModelConfig.hard()
    assert (soft.width, soft.generator_layers, soft.predictor_layers) == (128, 4, 4)
    assert (soft.beta_min, soft.prior_scale, soft.dt_rank) == (1, 10, 8)
    assert tuple(soft.prior) == pytest.approx((10, 90))
    assert tuple(hard.prior) == pytest.approx((0.1, 0.122222), rel=1e-5)
    assert (hard.beta_min, hard.prior_scale) == (0, 1)
    assert (soft.share_backbone, soft.generator_inputs) == (False, "sequence")
    assert (hard.share_backbone, hard.generator_inputs) == (True, "all")
    assert (soft.position_embedding, hard.position_embedding) == (False, True)
    assert (soft.init_depth, soft.combine) == (64, "sum")
    assert (hard.hard_apply, hard.pad_invariant) == ("compact_detached", False)
    assert not ModelConfig.hard("demo").position_embedding


@pytest.mark.parametrize("size", ["paper", "demo", "tiny"])
@pytest.mark.parametrize("make", [ModelConfig.soft, ModelConfig.hard])
def test_round_trip_through_json(make, size):
    config = make(size, signal_scale=(0.1, 0.3, 1.0), threshold=0.4)
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"combine": "product"}, "combine"),
        ({"width": 0}, "width"),
        ({"width": "wide"}, "width is 'wide'; it must be a whole number"),
        ({"width": 8.5}, "width is 8.5"),
        ({"signal_log": 1}, "signal_log is 1; it must be true or false"),
        ({"kl_weight": float("nan")}, "kl_weight is nan; it must be a finite number"),
        ({"ratio_weight": float("inf")}, "ratio_weight is inf"),
        ({"ratio_weight": -1.0}, "ratio_weight must be >= 0"),
        ({"ramp": (0.0, "1")}, "ramp is .*; it must be 2 numbers"),
        ({"signal_betas": (1.0, 2.0)}, "3 numbers"),
        ({"signal_betas": (1.0, 2.0, -1.0)}, "three numbers >= 0"),
        ({"prior_mean": 1.0}, "prior_mean"),
        ({"promoter": 4001, "window": 5000}, "even"),
        ({"promoter": 4000, "window": 2000}, "no longer"),
        ({"beta_min": -1.0}, "beta_min"),
    ],
)
def test_impossible_settings_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        ModelConfig.soft(**change)


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="did you mean 'width'"):
        ModelConfig.from_dict({"variant": "soft", "widht": 3})
    with pytest.raises(InputError, match="lack 'variant'"):
        ModelConfig.from_dict({"width": 3})
    with pytest.raises(InputError, match="width is 'wide'"):
        ModelConfig.from_dict({"variant": "soft", "width": "wide"})
    with pytest.raises(InputError, match="paper, demo, tiny"):
        ModelConfig.soft("huge")
