"""Models on disk: round trip, listing, and one clear error for every damaged file."""

import json
import subprocess
import sys

import pytest
import torch
from released_layout import inputs, random_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from seq2exp.errors import InputError
from seq2exp.model.checkpoint import (
    ModelEntry,
    list_any,
    list_models,
    load_any,
    load_model,
    model_name,
    save_model,
    suggested_threshold,
)
from seq2exp.model.config import ModelConfig
from seq2exp.model.registry import NAMES, make

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
    for name in ("b", "a-s2", "a"):
        save_model(tmp_path / f"{name}.safetensors", model, {"title": name.upper()})
    (tmp_path / "c.safetensors").write_bytes(b"no card, not listed")
    found = list_models(tmp_path)
    assert [(m.id, m.title, m.path.name) for m in found] == [
        ("a", "A", "a.safetensors"),
        ("a-s2", "A-S2", "a-s2.safetensors"),
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


def test_networks_are_told_apart_by_weights_and_settings_alone(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(b"weights")
    first = ModelEntry("model", path, {"config": {"pool_above": 0.05}, "title": "One"})
    same = ModelEntry("copy", copy, {"config": {"pool_above": 0.05}, "title": "Two"})
    other = ModelEntry("model", path, {"config": {"pool_above": 0.1}, "title": "One"})
    before = first.content
    assert before == same.content != other.content
    path.write_bytes(b"other weights")
    assert first.content != before == same.content


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


@pytest.mark.parametrize("wrong", [{"width": 10**7}, {"state": 10**10}])
def test_a_wrong_number_in_a_card_is_refused_without_its_memory(model, tmp_path, wrong):
    path = tmp_path / "m.safetensors"
    save_model(path, model, {})
    tensors = load_file(path)
    path.with_suffix(".json").unlink()
    config = {"model": "seq2exp-soft", **model.config.to_dict(), **wrong}
    save_file(tensors, path, {"config": json.dumps(config)})
    refused(path, r"but this network needs|lacks tensor")


def test_a_model_is_loaded_without_torchs_compiler_and_draws_nothing(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model, {})
    torch.manual_seed(3)
    state = torch.get_rng_state()
    load_model(path)
    assert torch.equal(torch.get_rng_state(), state)
    # Importing the compiler takes longer than all else that a first prediction waits for.
    script = (
        "import sys; from seq2exp.model.checkpoint import load_model; load_model(sys.argv[1]); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, path], check=True)


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
    assert json.loads(config) == {"model": "seq2exp-soft", **model.config.to_dict()}
    save_file({k: v.half() for k, v in load_file(path).items()}, path)
    loaded, _ = load_model(path)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}


def test_the_card_suggests_a_threshold_and_the_network_has_one() -> None:
    config = ModelConfig.soft("tiny").to_dict()
    assert suggested_threshold({"config": config}) == 0.5
    assert suggested_threshold({"config": config, "threshold": 0.11349}) == 0.113


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_card", [True, False])
def test_every_system_comes_back_as_what_it_is(name, with_card, tmp_path):
    if name == "enformer":
        pytest.importorskip("enformer_pytorch")
    torch.manual_seed(2)
    model = make(name, "tiny", window=2_048)
    stored = model.state_dict()
    for key, buffer in model.named_buffers():
        if key not in stored:
            continue  # running means and counts are part of a network, constants are not
        if buffer.is_floating_point():
            buffer.add_(0.01)
        elif buffer.dtype == torch.int64:
            buffer.add_(3)
    path = tmp_path / "m.safetensors"
    save_model(path, model, {"model": name})
    if not with_card:
        path.with_suffix(".json").unlink()
    loaded, card = load_any(path)
    assert type(loaded) is type(model) and loaded.config == model.config
    assert card["model"] == model_name(card) == name
    assert ("variant" in card) == (NAMES[name].kind == "mask")
    wanted = model.state_dict()
    assert loaded.state_dict().keys() == wanted.keys()
    for key, value in loaded.state_dict().items():
        assert value.dtype == wanted[key].dtype and torch.equal(value, wanted[key])
    given = inputs(2, 2_048)
    peaks = torch.zeros(2, 2_048, dtype=torch.bool)
    peaks[:, 1_000:1_100] = True
    more = () if NAMES[name].kind == "mask" else (peaks,)
    with torch.no_grad():
        found, expected = (network(*given, *more) for network in (loaded, model.eval()))
    for got, want in zip(found, expected, strict=True):
        assert torch.equal(got, want)
    trainable = [p.requires_grad for p in loaded.parameters()]
    assert trainable == [p.requires_grad for p in model.parameters()]
    found = list_any(tmp_path) if with_card else []
    shown = list_models(tmp_path) if with_card else []
    assert shown == [entry for entry in found if NAMES[name].kind == "mask"]


def test_cards_from_before_there_were_names_still_load(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model, {})
    card = json.loads(path.with_suffix(".json").read_text())
    assert card.pop("model") == "seq2exp-soft"
    path.with_suffix(".json").write_text(json.dumps(card))
    save_file(load_file(path), path)  # without the name that stands in it now
    assert load_model(path)[1]["model"] == "seq2exp-soft"
    assert [entry.id for entry in list_models(tmp_path)] == ["m"]
    assert model_name({"variant": "hard"}) == "seq2exp-hard"


def test_an_unknown_system_is_named(model, tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, model, {"model": "seq2exp-sofd"})
    with pytest.raises(InputError, match="Unknown model 'seq2exp-sofd'; did you mean"):
        load_any(path)
