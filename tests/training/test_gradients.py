"""The gradients at the mask's logits, against those of the logits as the only variable."""

from pathlib import Path

import pytest
import torch

from seq2exp.datasets.catalog import Dataset
from seq2exp.model.config import ModelConfig
from seq2exp.model.registry import make
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.examples import examples
from seq2exp.training.gradients import mask_gradients
from seq2exp.training.module import NetworkModule, step_seed
from seq2exp.training.networks import learns_mask
from seq2exp.training.phases import Optimisation


@pytest.mark.parametrize("name", ["seq2exp-soft", "seq2exp-hard", "seq2exp-coupled"])
def test_norms_are_those_of_the_derivative(name: str, small: Path) -> None:
    torch.manual_seed(1)
    model = make(name, "tiny", window=2_048).train()
    batch = examples(Dataset.load(small), "train", ["cell-a"], 2_048).batch([0, 1])
    module = NetworkModule(model, Optimisation(steps=10), seed=5)
    module.on_fit_start()
    found = mask_gradients(module, batch)

    # The same by hand: what follows the logits, with the logits as the variable.
    kept: list[torch.Tensor] = []

    def replace_logits(layer: object, given: object, logits: torch.Tensor) -> torch.Tensor:
        kept.append(logits.detach().requires_grad_())
        return kept[-1]

    hook = model.mask_output.register_forward_hook(replace_logits)
    _, loss = module.losses(batch)
    hook.remove()
    assert loss.sparsity is not None
    for key, part in (("grad_prediction", loss.prediction), ("grad_sparsity", loss.sparsity)):
        kept[0].grad = None
        part.backward(retain_graph=True)
        grad = kept[0].grad
        expected = 0.0 if grad is None else float(grad.norm())
        assert found[key] == pytest.approx(expected, rel=1e-4)
    assert found["grad_sparsity"] > 0
    # In the released hard variant the prediction sends nothing to the mask.
    assert (found["grad_prediction"] == 0) == (name == "seq2exp-hard")


def test_a_frozen_mask_is_not_learnt() -> None:
    assert learns_mask(Seq2Exp(ModelConfig.soft("tiny")))
    for name in ("seq2exp-retrain", "macs3", "caduceus"):
        assert not learns_mask(make(name, "tiny"))


def test_seeds_of_a_single_process_are_as_before_and_processes_differ() -> None:
    assert step_seed(3, 4) == step_seed(3, 4, rank=0)
    assert len({step_seed(3, 4, rank) for rank in range(4)}) == 4
