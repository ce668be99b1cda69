import re

import pytest
from matplotlib.path import Path as Outline

from seq2exp.view.glyphs import letter_path


def corners(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


@pytest.mark.parametrize("base", "ACGTN")
def test_letters_fill_the_width_of_their_base_and_the_height_of_the_mask(base: str) -> None:
    path = letter_path(base, 1_000.5, 0.62)
    assert re.fullmatch(r"(M[^MLQZ]+|L[^MLQZ]+|Q[^MLQZ]+|Z)+", path)
    x, y = zip(*corners(path), strict=True)
    assert (min(x), max(x)) == (1_000.55, 1_001.45)
    assert (min(y), max(y)) == (0, 0.62)


def test_a_negative_letter_hangs_and_small_ones_keep_their_digits() -> None:
    _, y = zip(*corners(letter_path("T", 0, -2.5e-6, digits=9)), strict=True)
    assert (min(y), max(y)) == (-2.5e-6, 0)


def test_a_has_a_hole_and_t_a_stem() -> None:
    outer, hole = letter_path("A", 0, 1, fill=1.0).split("Z")[:2]
    assert Outline(corners(outer)).contains_point((0.5, 0.5))
    assert Outline(corners(hole)).contains_point((0.5, 0.5))
    stem = Outline(corners(letter_path("T", 0, 1, fill=1.0)))
    assert stem.contains_point((0.5, 0.1)) and not stem.contains_point((0.1, 0.5))
