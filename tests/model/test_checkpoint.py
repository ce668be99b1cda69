"""Models on disk: round trip, listing, and one clear error for every damaged file."""

import json

import pytest
import torch
from released_layout import inputs, random_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from seq2exp.errors import InputError
from seq2exp.model.checkpoint import (
    ModelEntry,
    list_models,
    load_model,
    save_model,
    suggested_threshold,
)
from seq2exp.model.config import ModelConfig

TINY = {"promoter": 8, "window": 40}


@pytest.fixture
def model():
    return random_model(ModelConfig.soft("tiny", **TINY))


@pytest.mark.parametrize("make", [ModelConfig.soft, ModelConfig.hard])
def test_round_trip(make, tmp_path):
    model = random_model(make("tiny", position_embedding=make == ModelConfig.hard, **TINY))
    path = tmp_path / "models" / "k562.safetensors"
    save_model(path, model, {"title": "K562", "metrics": {"mse": 0.25}, "id": "other"})
    loaded, card = load_model(path)
    given = inputs(2, 40)
    with torch.no_grad():
        for got, want in zip(loaded(*given), model(*given), strict=True):
            assert torch.equal(got, want)
    assert loaded.config == model.config
    assert not loaded.training
    assert (card["id"], card["title"], card["metrics"]) == ("k562", "K562", {"mse": 0.25})
    trainable = [p.requires_grad for p in loaded.parameters()]
    assert trainable == [p.requires_grad for p in model.parameters()]
    assert sorted(p.name for p in path.parent.iterdir()) == ["k562.json", "k562.safetensors"]


def test_every_tensor_is_stored_once(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model, {})
    stored = load_file(path)
    assert sum(t.numel() for t in stored.values()) == sum(p.numel() for p in model.parameters())


def test_a_model_loads_without_its_card_and_trains_on(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model, {})
    path.with_suffix(".json").unlink()
    loaded, card = load_model(path)
    assert (card["id"], card["title"], card["variant"]) == ("m", "m", "soft")
    loaded.train()(*inputs(1, 40)).prediction.sum().backward()


def test_list_models(model, tmp_path):
    assert list_models(tmp_path / "nothing") == []
    for name in ("b", "a"):
        save_model(tmp_path / f"{name}.safetensors", model, {"title": name.upper()})
    (tmp_path / "c.safetensors").write_bytes(b"no card, not listed")
    found = list_models(tmp_path)
    assert [(m.id, m.title, m.path.name) for m in found] == [
        ("a", "A", "a.safetensors"),
        ("b", "B", "b.safetensors"),
    ]
    assert ModelEntry("x", tmp_path, {}).title == "x"
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(InputError, match=r"a\.json is not a JSON object"):
        list_models(tmp_path)


def refused(path, message):
    with pytest.raises(InputError, match=message) as caught:
        load_model(path)
    assert str(path.stem) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_files_are_named(model, tmp_path):
    path = tmp_path / "m.safetensors"
    refused(path, "no model")
    path.write_bytes(b"\x80\x04not safetensors")
    refused(path, "not a readable safetensors file")
    save_model(path, model, {})
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "not a readable safetensors file")
    save_model(path, model, {})
    path.with_suffix(".json").write_text("{")
    refused(path, "not readable JSON")


def test_tensors_that_do_not_fit_are_named(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model, {})
    tensors = load_file(path)
    first = "encoder.layers.0.mixer.in_proj.weight"

    def rewrite(changed):
        save_file(changed, path)

    rewrite({k: v for k, v in tensors.items() if k != first})
    refused(path, f"lacks tensor {first}; it is not a Seq2Exp-soft of width 8 with 1 \\+ 1 layers")
    rewrite({**tensors, "another": torch.ones(1), "other": torch.ones(1)})
    refused(path, "unknown tensor another and 1 more")
    rewrite({**tensors, "mask_output.bias": torch.ones(3)})
    refused(path, r"mask_output.bias is \[3\], but this network needs \[2\]")
    rewrite({**tensors, "mask_output.bias": torch.ones(2, dtype=torch.int64)})
    refused(path, "not floating")
    path.with_suffix(".json").unlink()
    refused(path, "does not say which network")


def test_wrong_names_and_values_leave_nothing_behind(model, tmp_path):
    with pytest.raises(InputError, match=r"does not end in \.safetensors"):
        save_model(tmp_path / "m.pt", model, {})
    with pytest.raises(ValueError, match="JSON"):
        save_model(tmp_path / "m.safetensors", model, {"metrics": {"mse": float("nan")}})
    assert list(tmp_path.iterdir()) == []


def test_half_precision_files_load_as_float32(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model, {})
    with safe_open(path, "pt") as file:
        config = file.metadata()["config"]
    assert json.loads(config) == model.config.to_dict()
    save_file({k: v.half() for k, v in load_file(path).items()}, path)
    loaded, _ = load_model(path)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}


def test_the_card_suggests_a_threshold_and_the_network_has_one() -> None:
    config = ModelConfig.soft("tiny").to_dict()
    assert suggested_threshold({"config": config}) == 0.5
    assert suggested_threshold({"config": config, "threshold": 0.11349}) == 0.113
