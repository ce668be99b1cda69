"""The bench of the network: who is measured, who is refused, and what its figures add up to."""

import dataclasses

import numpy as np
import pytest
from torch import nn

from seq2exp.bench import model as bench
from seq2exp.bench import peers, rates
from seq2exp.bench.field import OURS, Options
from seq2exp.bench.machine import available_memory
from seq2exp.model.config import ModelConfig
from seq2exp.model.mamba import Mamba
from seq2exp.model.scan import implementations

LENGTH = 4_000
needs_kernel = pytest.mark.skipif(
    rates.LIBRARY.reason() is not None, reason="the rates' kernel cannot be built here"
)


class TorchPeer(Mamba):
    """Another library as far as the bench can tell: one direction, with projections of its own."""

    def __init__(self, config, wrong):
        super().__init__(config.width, config.state, config.conv, config.expand)
        inner = config.expand * config.width
        self.in_proj = nn.Linear(config.width, 2 * inner, bias=False)
        self.out_proj = nn.Linear(inner, config.width, bias=False)
        self.wrong, self.seen = wrong, []

    def forward(self, h):
        self.seen.append(h.shape[1])
        x, z = self.in_proj(h).chunk(2, -1)
        y = super().forward(x, reverse=self.wrong, valid=None, scan="torch")
        return self.out_proj(y * nn.functional.silu(z))


def stand_in(name, made, wrong=False, arrays=0.0):
    def mixer(config):
        made.append(TorchPeer(config, wrong))
        return made[-1]

    return peers.Peer(name, name, "", "torch", ("cpu",), mixer, lambda length: arrays)


def measure(progress=lambda fraction, text: None, **options):
    settings = {"size": "tiny", "length": LENGTH, "repeats": 2, "slow_repeats": 1}
    options = Options(**(settings | options))
    return {section.key: section for section in bench.sections(options, progress)}


def by_name(section):
    return {row.name: row for row in section.rows}


def arrays_that_fit():
    """How many arrays [LENGTH, e, n] of the tiny network would fill the memory that is left."""
    config = ModelConfig.soft("tiny")
    array = LENGTH * config.expand * config.width * config.state * 4
    return available_memory() / array


@pytest.fixture(scope="module")
def inference():
    """The part, with one peer that is right, one that is wrong and one that needs much memory."""
    made = {name: [] for name in ("right", "wrong", "large")}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(peers.PEERS):
            patch.delitem(peers.PEERS, name)
        patch.setitem(peers.PEERS, "right", stand_in("right", made["right"]))
        patch.setitem(peers.PEERS, "wrong", stand_in("wrong", made["wrong"], wrong=True))
        patch.setitem(
            peers.PEERS, "large", stand_in("large", made["large"], arrays=1.5 * arrays_that_fit())
        )
        gone = dataclasses.replace(stand_in("gone", []), module="no_such", install="pip install x")
        patch.setitem(peers.PEERS, "gone", gone)
        said = []
        found = measure(lambda fraction, text: said.append(text), parts=("inference",))
        return found, made, said


@needs_kernel
def test_ratios_are_those_of_the_medians(inference):
    section = inference[0]["inference"]
    rows = by_name(section)
    least = rows["limit of this machine"].values["median"]
    ours = np.median(rows[OURS].seconds)
    measured = [row for row in section.rows if row.seconds]
    assert {row.name for row in measured} >= {OURS, "torch, torch scan", "right", "large"}
    for row in measured:
        median = np.median(row.seconds) * row.values["scale"]
        assert row.values["median"] == pytest.approx(median)
        assert row.values["ratio"] == pytest.approx(median / ours)
        assert row.values["limit_ratio"] == pytest.approx(median / least)
        assert row.values["repeats"] == len(row.seconds) == (2 if row.name == OURS else 1)
    limit = by_name(inference[0]["limit"])
    assert limit["limit"].values["least"] == pytest.approx(least)


def test_every_scan_has_a_row(inference):
    rows = by_name(inference[0]["inference"])
    for name, able in implementations().items():
        row = rows[f"torch, {name} scan"]
        assert bool(row.seconds) == able or row.note
        assert able or row.note == "cannot run here"


def test_who_computes_something_else_is_not_timed(inference):
    found, made, _ = inference
    row = by_name(found["inference"])["wrong"]
    assert row.seconds == () and row.note.startswith("not timed: it differs by")
    assert {length for mixer in made["wrong"] for length in mixer.seen} == {2_000}


def test_who_does_not_fit_is_timed_shorter_and_scaled(inference):
    found, made, _ = inference
    row = by_name(found["inference"])["large"]
    # It needs one and a half times the memory that is left, so half of it fits.
    assert row.values["scale"] == 2 and "2,000 bp" in row.note
    assert {length for mixer in made["large"] for length in mixer.seen} == {2_000}
    assert LENGTH in {length for mixer in made["right"] for length in mixer.seen}


def test_who_is_missing_says_how_to_get_it(inference):
    assert by_name(inference[0]["inference"])["gone"].note == "not installed; pip install x"


def test_progress_names_part_and_contender(inference):
    said = inference[2]
    assert all(text.startswith("inference: ") for text in said)
    assert f"inference: {OURS}, 2 of 2" in said


@needs_kernel
def test_hard_passes_and_their_shares():
    section = measure(parts=("hard",), length=40_000)["hard"]
    generator, partly, whole = section.rows
    assert partly.name == "predictor, 7.0% kept" and whole.name == "predictor, all kept"
    assert generator.values["share"] + partly.values["share"] == pytest.approx(1)
    assert generator.values["share"] == pytest.approx(
        generator.values["median"] / (generator.values["median"] + partly.values["median"])
    )
    bounds = {row.name: row.values["median"] / row.values["limit_ratio"] for row in section.rows}
    assert bounds[partly.name] == pytest.approx(0.07 * bounds[whole.name])


def test_growth_along_length():
    sections = measure(parts=("length",), lengths=(2_000, 4_000, 8_000))
    assert set(sections) == {"length_inference", "length_training"}
    for section in sections.values():
        lengths = [row.values["length"] for row in section.rows]
        medians = np.array([row.values["median"] for row in section.rows])
        assert lengths == [2_000, 4_000, 8_000]
        assert [row.name for row in section.rows] == ["2,000", "4,000", "8,000"]
        growth = [row.values["growth"] for row in section.rows]
        assert growth == pytest.approx(medians / medians[0] / [1, 2, 4])
        per_base = [row.values["per_base"] for row in section.rows]
        assert per_base == pytest.approx(medians / lengths * 1e9)
        slope = np.polyfit(np.log(lengths), np.log(medians), 1)[0]
        assert section.notes[0] == f"Time grows as length to the power of {slope:.2f}."
