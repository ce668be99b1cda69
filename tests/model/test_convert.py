"""Released checkpoints: read exactly, refused clearly, and never executed."""

import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import pytest
import torch
from released_layout import inputs, random_model, released_state

from seq2exp.errors import InputError
from seq2exp.model.checkpoint import load_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.convert import convert_released, read_checkpoint, read_released

LENGTH = 2400  # the promoter is the released 2,000, as no tensor says otherwise


@pytest.fixture
def soft():
    return random_model(ModelConfig.soft("tiny", generator_layers=2))


@pytest.fixture
def hard():
    config = ModelConfig.hard("tiny", window=LENGTH, position_embedding=True, generator_layers=2)
    return random_model(config)


def omegaconf(values: dict[str, Any], monkeypatch) -> Any:
    """A DictConfig-like tree whose classes cannot be imported where the file is read."""
    module = types.ModuleType("omegaconf_like")
    monkeypatch.setitem(sys.modules, "omegaconf_like", module)

    def made(name: str) -> type:
        kind = type(name, (), {"__module__": "omegaconf_like"})
        setattr(module, name, kind)
        return kind

    node_kind, tree_kind, meta_kind = made("AnyNode"), made("DictConfig"), made("Metadata")

    def wrap(value: Any, parent: Any) -> Any:
        wrapped = (tree_kind if isinstance(value, dict) else node_kind)()
        metadata = meta_kind()
        kinds = {"ref_type": Any, "object_type": dict, "element_type": str, "key_type": int}
        metadata.__dict__.update(kinds, optional=True, key=None)
        wrapped.__dict__.update(_metadata=metadata, _parent=parent)
        if isinstance(value, dict):
            wrapped._content = {key: wrap(inner, wrapped) for key, inner in value.items()}
        else:
            wrapped._val = value
        return wrapped

    return wrap(values, None)


def lightning_file(path, state, hyper_parameters=None, **kwargs):
    """What Lightning 1.8 writes, with the optimiser's state and all."""
    torch.save(
        {
            "epoch": 3,
            "global_step": 1234,
            "pytorch-lightning_version": "1.8.6",
            "state_dict": state,
            "loops": {"fit_loop": {"state_dict": {}}},
            "callbacks": {"ModelCheckpoint{'monitor': 'val/mse'}": {"best": torch.tensor(0.2)}},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
            "lr_schedulers": [{"base_values": [5e-4], "metric": None}],
            "hparams_name": "config",
            "hyper_parameters": hyper_parameters,
        },
        path,
        **kwargs,
    )
    return path


@pytest.mark.parametrize("variant", ["soft", "hard"])
def test_a_converted_model_is_the_released_one(variant, soft, hard, tmp_path, monkeypatch):
    model = {"soft": soft, "hard": hard}[variant]
    state = released_state(model)
    hyper = omegaconf(
        {"model": {"beta_min": model.config.beta_min}, "train": {"seed": 2}}, monkeypatch
    )
    ckpt = lightning_file(tmp_path / "mse-1+Fold11.ckpt", state, hyper)
    monkeypatch.delitem(sys.modules, "omegaconf_like")  # not installed where it is read
    out = convert_released(ckpt, variant, tmp_path / f"{variant}.safetensors")
    loaded, card = load_model(out)
    given = inputs(2, LENGTH)
    with torch.no_grad():
        for got, want in zip(loaded(*given), model(*given), strict=True):
            assert torch.equal(got, want)
    layers = {"soft": (2, 1), "hard": (2, 2)}[variant]  # hard has one network for both
    assert (loaded.config.generator_layers, loaded.config.predictor_layers) == layers
    assert replace(loaded.config, predictor_layers=1) == model.config
    assert card["trained_steps"] == 1234
    assert card["dataset"]["simulated"] is False
    assert "beta_min" in card["summary"]
    assert "omegaconf_like" not in sys.modules


def test_released_files_have_the_published_number_of_tensors():
    with torch.device("meta"):
        from seq2exp.model.seq2exp import Seq2Exp

        assert len(released_state(Seq2Exp(ModelConfig.soft()))) == 168
        hard = released_state(Seq2Exp(ModelConfig.hard()))
    assert len(hard) == 169
    assert hard["model.pos_emb"].shape == (1, 200_000, 128)
    assert hard["model.encoder.backbone.layers.3.mixer.mamba_rev.x_proj.weight"].shape == (40, 256)
    assert hard["model.pToExpr.0.weight"].shape == (128, 137)


def test_settings_come_from_the_file_where_it_states_them(soft, tmp_path, monkeypatch):
    hyper = omegaconf(
        {
            "model": {"beta_min": 0, "prior_scale_factor": 3, "marginal_mean": 0.2},
            "task": {"loss": {"kl_loss_weight": 0.05}},
            "other": {"z_scale": 1, "inner": {"z_scale": 2}},  # contradicts itself: left alone
        },
        monkeypatch,
    )
    ckpt = lightning_file(tmp_path / "a.ckpt", released_state(soft), hyper)
    config, _, _ = read_released(ckpt, "soft")
    assert (config.beta_min, config.prior_scale, config.prior_mean) == (0, 3, 0.2)
    assert (config.kl_weight, config.z_scale, config.prior_strength) == (0.05, 1, 10)


def test_plain_hyper_parameters_and_none_work_too(soft, tmp_path):
    state = released_state(soft)
    for i, hyper in enumerate((None, {"marginal_scale": 5.0}, OrderedDict(beta_min=True))):
        ckpt = lightning_file(tmp_path / f"{i}.ckpt", state, hyper)
        config, tensors, checkpoint = read_released(ckpt, "soft")
        assert config.prior_strength == (5 if i == 1 else 10)
        assert config.beta_min == 1  # True is not a number here
        assert len(tensors) == len(soft.state_dict())
        assert checkpoint.step == 1234


def test_only_the_weights_are_read(tmp_path):
    stored = torch.arange(12.0).reshape(3, 4)
    state = OrderedDict(
        a=stored.t(), b=stored[1:, 2], c=torch.nn.Parameter(stored), d=stored.half(), e=stored[:0]
    )
    ckpt = lightning_file(tmp_path / "a.ckpt", state)
    found = read_checkpoint(ckpt).tensors
    assert list(found) == list("abcde")
    for name, value in state.items():
        assert torch.equal(found[name], value), name
        assert found[name].dtype == value.dtype


# ---- what is refused -----------------------------------------------------------------------------


def refused(path, message, variant="soft"):
    with pytest.raises(InputError, match=message) as caught:
        convert_released(path, variant, path.parent / "out.safetensors")
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    assert not (path.parent / "out.safetensors").exists()


class Runs:
    """Pickles to a call; where that is made, a file appears."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("where", ["hyper_parameters", "state_dict", "storage"])
@pytest.mark.parametrize("kind", ["system", "eval", "import", "mkdir"])
def test_a_malicious_pickle_is_refused_and_not_run(kind, where, soft, tmp_path):
    mark = tmp_path / "it-ran"
    evil = {
        "system": Runs(os.system, f"touch {mark}"),
        "eval": Runs(eval, f"open({str(mark)!r}, 'w').close()"),
        "import": Runs(__import__, "this"),
        "mkdir": Runs(os.mkdir, str(mark)),
    }[kind]
    state: Any = released_state(soft)
    ckpt = tmp_path / "evil.ckpt"
    if where == "hyper_parameters":
        lightning_file(ckpt, state, {"model": [evil]})
    elif where == "state_dict":
        lightning_file(ckpt, {**state, "model.extra": evil})
    else:
        lightning_file(ckpt, evil)
    refused(ckpt, "was refused: it asks to call .*; do not trust it")
    assert not mark.exists()
    assert "this" not in sys.modules


def test_the_malicious_pickle_would_have_run(tmp_path):
    mark = tmp_path / "it-ran"
    pickle.loads(pickle.dumps(Runs(os.mkdir, str(mark))))
    assert mark.exists()


def test_functions_of_other_libraries_are_not_called(soft, tmp_path):
    mark = tmp_path / "it-ran"
    torch.save(torch.ones(1), tmp_path / "t.pt")
    state = released_state(soft)
    ckpt = lightning_file(tmp_path / "a.ckpt", state, {"x": Runs(torch.save, 1, str(mark))})
    read_released(ckpt, "soft")
    assert not mark.exists()


def test_files_that_are_no_checkpoint(soft, tmp_path):
    state = released_state(soft)
    path = tmp_path / "a.ckpt"
    refused(path, "no checkpoint")
    path.write_bytes(b"<html>Not found</html>")
    refused(path, "not a PyTorch checkpoint in the zip format")
    lightning_file(path, state, _use_new_zipfile_serialization=False)
    refused(path, "before PyTorch 1.6")
    path.write_bytes(pickle.dumps(Runs(os.mkdir, str(tmp_path / "it-ran"))))
    refused(path, "zip format")
    assert not (tmp_path / "it-ran").exists()
    lightning_file(path, state)
    path.write_bytes(path.read_bytes()[:-2000])
    refused(path, "zip format")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    refused(path, "no data.pkl")
    torch.save({"weights": 1}, path)
    refused(path, "no state_dict")
    torch.save([1, 2], path)
    refused(path, "no state_dict")
    lightning_file(path, {"model.a": 3})
    refused(path, "'model.a' in its state_dict is not a tensor")


def rewritten(path, change):
    """Write a zip file again, each member passed through `change(name, data)` (None drops it)."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            new = change(name, data)
            if new is not None:
                archive.writestr(name, new)


def test_damaged_inside(soft, tmp_path):
    path = tmp_path / "a.ckpt"
    state = released_state(soft)
    damages = {
        "big-endian": lambda name, data: b"big" if name.endswith("byteorder") else data,
        "cannot|can be read": lambda name, data: None if name.endswith("data/3") else data,
        "out of bounds|can be read": lambda n, data: data[:4] if "/data/" in n else data,
        "can be read": lambda name, data: data[:50] if name.endswith("data.pkl") else data,
    }
    for message, change in damages.items():
        lightning_file(path, state)
        rewritten(path, change)
        refused(path, message)


def test_tensors_that_are_not_this_network(soft, hard, tmp_path):
    path = tmp_path / "a.ckpt"
    state = released_state(soft)

    def write(changes, of=state):
        changed = {**of, **changes}
        lightning_file(path, {k: v for k, v in changed.items() if v is not None})

    write({})
    refused(path, "no position embedding.*--variant soft", "hard")
    lightning_file(path, released_state(hard))
    refused(path, "a position embedding.*--variant hard")
    layer = "model.generator.backbone.layers.1.mixer"
    write({f"{layer}.mamba_rev.in_proj.weight": torch.zeros(32, 8)})
    refused(path, r"generator.layers.1.mixer.mamba_rev.in_proj.weight differs from mamba_fwd's")
    write({f"{layer}.mamba_rev.out_proj.weight": torch.zeros(8, 16)})
    refused(path, "out_proj.weight differs")
    write({f"{layer}.mamba_rev.out_proj.weight": None})
    refused(path, "lacks tensor .*out_proj.weight")
    write({f"{layer}.mamba_fwd.D": None})
    refused(path, "lacks tensor generator.layers.1.mixer.mamba_fwd.D")
    write({"model.seq_input_layer.weight": None})
    refused(path, "lacks tensor 'seq_input_layer.weight'")
    write({"model.mask_output.bias": torch.zeros(3)})
    refused(path, r"mask_output.bias is \[3\], but this network needs \[2\]")
    write({"model.generator.backbone.layers.0.mixer.mamba_fwd.A_log": torch.zeros(3)})
    refused(path, "first layer")
    write({"model.mask_model.mask_output.bias": torch.zeros(2)})
    refused(path, "unknown tensor mask_model.mask_output.bias")

    of = released_state(hard)
    write({"model.encoder.backbone.norm_f.weight": torch.zeros(8)}, of)
    refused(path, "encoder.norm_f.weight differs from generator.norm_f.weight", "hard")
    write({"model.encoder.backbone.norm_f.weight": None}, of)
    refused(path, "lacks tensor encoder.norm_f.weight", "hard")


def test_unknown_variant(tmp_path):
    with pytest.raises(InputError, match="'medium'; use soft or hard"):
        convert_released(tmp_path / "a.ckpt", "medium", tmp_path / "b.safetensors")
