"""Models by id and by path."""

import pytest
from windows import make_model

import seq2exp
from seq2exp.errors import InputError
from seq2exp.inference.models import find_model, models_dir


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_MODELS", str(tmp_path))
    make_model(tmp_path / "demo-soft.safetensors")
    make_model(tmp_path / "demo-hard.safetensors", "hard")
    return tmp_path


def test_the_projects_folder_stands_beside_the_package(monkeypatch):
    monkeypatch.delenv("SEQ2EXP_MODELS", raising=False)
    assert models_dir().parts[-2:] == ("data", "models")
    assert str(models_dir().parents[1] / "seq2exp") in seq2exp.__file__


def test_by_id_by_path_and_by_default(folder):
    assert find_model("demo-soft") == folder / "demo-soft.safetensors"
    path = folder / "demo-hard.safetensors"
    assert find_model(str(path)) == path
    assert find_model() in (path, folder / "demo-soft.safetensors")


def test_a_wrong_id_gets_the_nearest(folder):
    with pytest.raises(InputError, match=r"'demo-sofd'.*'demo-soft'"):
        find_model("demo-sofd")


def test_a_wrong_path_is_named(folder):
    with pytest.raises(InputError, match=r"gone\.safetensors"):
        find_model("gone.safetensors")


def test_an_empty_folder_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_MODELS", str(tmp_path / "none"))
    with pytest.raises(InputError, match="no models"):
        find_model("demo-soft")
