"""A training whose numbers are none ends with one sentence, and its weights are never kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from runs_for_tests import WINDOW, run

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.model.registry import configure, network
from seq2exp.training.devices import Devices
from seq2exp.training.evaluation import Fit
from seq2exp.training.examples import examples
from seq2exp.training.judge import best_of
from seq2exp.training.loader import OrderedBatches
from seq2exp.training.module import NetworkModule
from seq2exp.training.phases import Optimisation
from seq2exp.training.runfolder import folder_of
from seq2exp.training.states import KeepBest, load_best

QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}


def module_of(name: str) -> NetworkModule:
    torch.manual_seed(0)
    model = network(name, configure(name, "tiny", {"window": 4_096}))
    return NetworkModule(model, Optimisation(steps=10, lr=0.25), seed=1)


def test_no_error_that_is_no_number_is_the_best(tmp_path: Path) -> None:
    module, keep = module_of("caduceus-signals"), KeepBest(tmp_path / "best.pt")
    trainer = Devices(accelerator="cpu").trainer("32-true", **QUIET)
    kept = []
    for mse in (np.nan, 0.4, np.nan, 0.2, 0.3, np.inf, np.nan):
        module.validated = Fit(mse, 0.1, None)
        keep.on_validation_end(trainer, module)
        kept.append(load_best(keep.path)["mse"] if keep.path.exists() else None)
    assert kept == [None, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2]


def test_phases_without_an_error_are_not_chosen() -> None:
    assert best_of([np.nan, 0.4, 0.3]) == 2
    assert best_of([0.4, np.nan]) == 0
    assert best_of([np.inf, 2.0, np.nan]) == 1
    with pytest.raises(InputError, match="lower learning rate"):
        best_of([np.nan, np.inf])


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # as `seq2exp.training.fit` has it
def test_a_validation_without_numbers_ends_a_training(small: Path) -> None:
    module = module_of("caduceus-signals")
    with torch.no_grad():
        module.model.pToExpr[-1].bias.fill_(np.nan)
    held_out = examples(Dataset.load(small), "validation", ["cell-a"], WINDOW)
    trainer = Devices(accelerator="cpu").trainer(
        "32-true", **QUIET, enable_model_summary=False, num_sanity_val_steps=0
    )
    with pytest.raises(InputError, match=r"validation error .* learning rate below 0\.25"):
        trainer.validate(module, OrderedBatches(held_out, 4, WINDOW), verbose=False)


def test_a_loss_that_is_no_number_ends_a_training(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.safetensors"
    switches = {"window": 4_096, "kl_weight": 1e300}
    with pytest.raises(InputError, match=r"loss is not a finite number after step 3: .*--lr"):
        run(small, out, steps=9, validate_every=3, switches=switches)
    assert not out.exists()
    assert not (folder_of(out) / "first" / "best.pt").exists()
