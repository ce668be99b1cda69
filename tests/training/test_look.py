"""The early look at a mask: which window is drawn, and what is in the picture."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from seq2exp.datasets.catalog import Dataset
from seq2exp.training.examples import Example, Examples, examples
from seq2exp.training.look import MaskPictures, draw, runs

LENGTH = 4_096


@pytest.fixture(scope="module")
def cached(small: Path) -> Examples:
    return examples(Dataset.load(small), "validation", ["cell-a"], LENGTH)


def truth_of(genes: dict[str, tuple[int, int]], ends_at: int = LENGTH):
    """Planted bases by gene; the chromosome ends at base `ends_at` of the window of V1."""

    def truth(example: Example) -> tuple[np.ndarray, np.ndarray]:
        true, counted = np.zeros(LENGTH, bool), np.ones(LENGTH, bool)
        start, end = genes.get(example.name, (0, 0))
        true[start:end] = True
        counted[1_048:3_048] = False
        if example.name == "V1":
            counted[ends_at:] = False
        return true, counted

    return truth


def test_a_window_with_planted_elements_is_drawn(cached: Examples, tmp_path: Path) -> None:
    names = [example.name for example in cached.table]
    assert names == ["V0", "V1", "V2", "V3"]

    def chosen(truth: object, length: int = LENGTH) -> str:
        return names[MaskPictures(tmp_path, cached, length, truth).index]

    assert chosen(None) == "V0"
    assert chosen(truth_of({})) == "V0"
    assert chosen(truth_of({"V1": (300, 400), "V2": (500, 600)})) == "V1"
    assert chosen(truth_of({"V1": (300, 400), "V2": (500, 600)}, ends_at=4_000)) == "V2"
    # Neither what every mask keeps nor what is not drawn makes a window worth seeing.
    assert chosen(truth_of({"V1": (1_500, 1_600), "V2": (500, 600)})) == "V2"
    assert chosen(truth_of({"V1": (10, 20), "V2": (500, 600)}), length=3_600) == "V2"


def test_the_picture_shows_where_the_promoter_and_the_elements_are(cached: Examples) -> None:
    example = cached.table[1]
    causal = np.zeros(LENGTH, bool)
    causal[[*range(300, 500), *range(3_500, 3_505)]] = True
    signals = cached.batch([1]).signals[0].numpy()
    mean = np.linspace(0.2, 0.9, LENGTH, dtype=np.float32)
    figure = draw(example, signals, mean, 2_000, causal)
    dnase, *_, mask = figure.axes
    titles = [axes.get_ylabel().split("\n")[0] for axes in figure.axes]
    assert titles == ["DNase", "H3K27ac", "Hi-C contact", "learned mask"]
    for axes in figure.axes:
        spans = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        places = [(1e6 * p.get_x(), 1e6 * (p.get_x() + p.get_width())) for p in spans]
        first = example.start + 1
        assert places[0] == pytest.approx((first + 1_048, first + 3_048))
        assert places[1] == pytest.approx((first + 300, first + 500))
        # Five bases would not be seen.
        assert sum(places[2]) / 2 == pytest.approx(first + 3_502.5)
        assert places[2][1] - places[2][0] == pytest.approx(LENGTH / 200)
    shown = mask.collections[0].get_paths()[0].vertices
    assert shown[:, 1].max() == pytest.approx(0.9)
    assert mask.get_ylim() == (0, 1)
    assert [t.get_text() for t in dnase.texts] == ["TSS"]
    assert 1e6 * dnase.texts[0].xy[0] == pytest.approx(example.start + 1 + LENGTH // 2)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["promoter, always open", "planted elements that regulate it"]
    plain = draw(example, signals, mean, 2_000, None)
    assert len(plain.legends[0].get_texts()) == 1
    assert len(plain.axes[0].patches) == 1


def test_runs() -> None:
    assert runs(np.array([1, 1, 0, 1, 0], bool)).tolist() == [[0, 2], [3, 4]]
    assert runs(np.zeros(3, bool)).tolist() == []
