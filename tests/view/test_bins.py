import numpy as np
import pytest

from seq2exp.genome.locus import Interval
from seq2exp.view.bins import beta_band, bin_edges, bin_mean, bin_size, bin_values, padded


@pytest.mark.parametrize(
    ("span", "expected"),
    [(1, 1), (2_000, 1), (2_001, 2), (4_001, 5), (10_001, 10), (40_000, 20), (200_000, 100)],
)
def test_bin_size_is_the_smallest_round_number_that_suffices(span: int, expected: int) -> None:
    assert bin_size(span) == expected


def test_bins_are_the_brute_force_statistics_of_their_bases() -> None:
    rng = np.random.default_rng(1)
    origin, values = 1_003, rng.normal(size=977)
    for start, end, width in [(1_003, 1_980, 7), (1_100, 1_333, 10), (900, 3_000, 50)]:
        x, low, mean, high = bin_values(values, origin, Interval("c", start, end), width)
        assert (x % width == 0).all()
        for at, a, m, b in zip(x, low, mean, high, strict=True):
            inside = [
                values[p - origin] for p in range(at, at + width) if 0 <= p - origin < len(values)
            ]
            assert (a, b) == (min(inside), max(inside))
            assert m == pytest.approx(sum(inside) / len(inside))
        covered = {p for at in x for p in range(at, at + width)}
        assert covered >= set(range(max(start, origin), min(end, origin + len(values))))


def test_panning_never_changes_a_bin() -> None:
    values = np.random.default_rng(2).random(5_000)
    seen: dict[int, tuple[float, float, float]] = {}
    for start in range(400, 2_400, 37):
        for at, *stats in zip(
            *bin_values(values, 0, Interval("c", start, start + 900), 20), strict=True
        ):
            assert seen.setdefault(int(at), tuple(stats)) == tuple(stats)


def test_single_bases_are_themselves() -> None:
    values = np.arange(100, dtype=np.float32)
    x, low, mean, high = bin_values(values, 50, Interval("c", 60, 64), 1)
    assert x.tolist() == [60, 61, 62, 63]
    assert low.tolist() == mean.tolist() == high.tolist() == [10, 11, 12, 13]


def test_nothing_where_there_are_no_values() -> None:
    for result in bin_values(np.ones(10), 0, Interval("c", 500, 900), 10):
        assert len(result) == 0


def test_negative_positions_have_edges_too() -> None:
    assert bin_edges(Interval("c", -25, 12), 10).tolist() == [-30, -20, -10, 0, 10, 20]


def test_bin_mean_of_columns_equals_each_column() -> None:
    values = np.random.default_rng(3).random((230, 4))
    area = Interval("c", 33, 191)
    together = bin_mean(values, 20, area, 10)
    for column in range(4):
        assert together[:, column] == pytest.approx(bin_values(values[:, column], 20, area, 10)[2])


def test_band_of_betas_with_a_closed_form() -> None:
    shape = np.array([0.5, 1.0, 3.0, 40.0])
    one = np.ones_like(shape)
    lower, upper = beta_band(shape, one)  # F(x) = x^a
    assert lower == pytest.approx(0.05 ** (1 / shape))
    assert upper == pytest.approx(0.95 ** (1 / shape))
    lower, upper = beta_band(one, shape)  # F(x) = 1 - (1 - x)^b
    assert lower == pytest.approx(1 - 0.95 ** (1 / shape))
    assert upper == pytest.approx(1 - 0.05 ** (1 / shape))


def test_half_a_screen_of_padding_inside_the_window() -> None:
    window = Interval("c", 0, 1_000)
    assert padded(Interval("c", 400, 600), window) == Interval("c", 300, 700)
    assert padded(Interval("c", 0, 200), window) == Interval("c", 0, 300)
    assert padded(window, window) == window
