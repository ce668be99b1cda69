"""Baselines as data: sizes, settings, what each reads, how it was trained."""

import subprocess
import sys

import pytest

from seq2exp.errors import InputError
from seq2exp.genome.window import WINDOW
from seq2exp.model.baselines import BASELINES, BaselineConfig, build, entry
from seq2exp.model.baselines.config import SIZES
from seq2exp.training.objective import schedule

NAMES = ["enformer", "hyenadna", "mamba", "caduceus", "caduceus-signals", "epinformer", "macs3"]


def test_every_baseline_has_its_sizes():
    assert list(BASELINES) == NAMES
    assert {name: list(sizes) for name, sizes in SIZES.items()} == {
        name: ["paper", "demo", "tiny"] for name in NAMES
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", ["paper", "demo", "tiny"])
def test_a_configuration_survives_being_written_down(name, size):
    config = BaselineConfig.of(name, size, window=4_096, promoter=1_000)
    described = config.to_dict()
    assert described["name"] == name and described["window"] == 4_096
    assert BaselineConfig.from_dict(described) == config
    assert hash(BaselineConfig.from_dict(described)) == hash(config)


def test_the_published_window():
    config = BaselineConfig.of("caduceus")
    assert (config.window, config.promoter) == (200_000, 2_000)
    assert {n: e.window for n, e in BASELINES.items() if e.window != WINDOW} == {
        "enformer": 196_608
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "caduseus"}, "Unknown baseline 'caduseus'; did you mean 'caduceus'?"),
        ({"name": "xyz"}, "it may be one of enformer, hyenadna"),
        ({"widht": 3}, "Unknown baseline setting 'widht'; did you mean 'width'?"),
        ({"width": 0}, "width is 0"),
        ({"width": "wide"}, "width is 'wide'; it must be a whole number"),
        ({"name": ["mamba"]}, "name is .*; it must be a text"),
        ({"name": "epinformer", "heads": "4"}, "heads is '4'; it must be a whole number"),
        ({"window": 1_000}, "no longer than the window"),
        ({"window": 4_097}, "must be even"),
        ({"heads": 4}, "has no attention"),
        ({"name": "epinformer"}, "heads is None"),
        ({"name": "epinformer", "heads": 3}, "heads is 3; it must divide the width 8"),
    ],
)
def test_refuses_what_no_network_can_be(values, message):
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        BaselineConfig.from_dict({"name": "mamba", "width": 8, "layers": 1, **values})


@pytest.mark.parametrize("lacking", ["name", "width", "layers"])
def test_says_which_setting_is_missing(lacking):
    values = {"name": "mamba", "width": 8, "layers": 1}
    del values[lacking]
    with pytest.raises(InputError, match=f"lack '{lacking}'"):
        BaselineConfig.from_dict(values)


def test_unknown_names_and_sizes():
    with pytest.raises(InputError, match="did you mean 'hyenadna'"):
        entry("hyena-dna")
    with pytest.raises(InputError, match="did you mean 'macs3'"):
        build("macs")
    with pytest.raises(InputError, match="did you mean 'tiny'"):
        build("mamba", "tinny")
    with pytest.raises(InputError, match="must be even"):
        build("mamba", "tiny", 4_095)


def test_published_training():
    training = {name: BASELINES[name].training for name in NAMES}
    assert [training[name].batch_size for name in NAMES] == [4, 8, 16, 16, 16, 16, 8]

    def rate(name, step):
        t = training[name]
        return schedule(step, t.steps, t.lr, t.lr_start, t.lr_floor, t.warm_up)

    # constant after a warm-up from zero
    assert [rate("enformer", t) for t in (0, 25_000, 50_000, 120_000, 200_000)] == pytest.approx(
        [0, 3.5e-6, 7e-6, 7e-6, 7e-6]
    )
    for name in ("hyenadna", "mamba", "caduceus", "caduceus-signals", "macs3"):
        assert [rate(name, t) for t in (0, 2_500, 5_000, 27_500, 50_000)] == pytest.approx(
            [1e-5, 2.55e-4, 5e-4, 3e-4, 1e-4]
        )
    t = training["epinformer"]
    assert (t.steps, t.epochs) == (None, 20)
    assert {schedule(s, 100, t.lr, t.lr_start, t.lr_floor, t.warm_up) for s in (0, 50, 99)} == {
        5e-4
    }


def test_the_list_does_not_load_the_networks():
    code = (
        "import sys; from seq2exp.model.baselines import BASELINES; "
        "assert BASELINES and not {'torch', 'enformer_pytorch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
