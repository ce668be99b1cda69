"""Hi-C contact with a TSS: worked values, brute force, stored vectors, cooler, and bad maps."""

import math
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cooler
import hictkpy
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2exp.errors import InputError
from seq2exp.files import cache_dir
from seq2exp.genome.locus import Interval
from seq2exp.tracks.contact import (
    ContactMap,
    power_law,
    power_law_profile,
    vanilla_coverage,
)

SIZES = {"1": 61_700, "2": 1_203_456}
BIN = 5_000
GENES = {"RPL3": 39_319_665, "LGALS1": 37_675_605, "SYNGR1": 39_349_948, "SOX10": 37_984_532}


def dense(pixels: pd.DataFrame, n: int) -> np.ndarray:
    matrix = np.zeros((n, n))
    for a, b, count in pixels[["bin1_id", "bin2_id", "count"]].itertuples(index=False):
        matrix[a, b] = matrix[b, a] = count
    return matrix


def normalised(matrix: np.ndarray) -> np.ndarray:
    """VC from its two defining properties: proportional to row sums, and the sum is kept."""
    rows = matrix.sum(axis=1)
    safe = np.where(rows > 0, rows, 1)
    shape = matrix / np.outer(safe, safe)
    return shape * matrix.sum() / shape.sum()


def brute_profile(matrix: np.ndarray, tss: int, start: int, end: int, length: int) -> list[float]:
    """The published steps, one base at a time."""
    contact = {
        p: matrix[p // BIN, tss // BIN]
        for p in range(min(start, tss - 499), max(end, tss + 500))
        if 0 <= p < length
    }
    if sum(x for p, x in contact.items() if abs(p - tss) < 500) < 0.01:
        return [0.0] * (end - start)

    def law(d: float) -> float:
        return math.exp(5.3181 - 0.87 * math.log(max(d, 5000) + 1))

    return [
        contact[p] + min(law(abs(p - tss)), law(1_000_000)) if 0 <= p < length else 0.0
        for p in range(start, end)
    ]


@pytest.fixture(scope="module")
def pixels() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(4)
    tables = {}
    for chrom, size in SIZES.items():
        n = -(-size // BIN)
        a, b = np.triu_indices(n)
        count = rng.poisson(40 / (1 + (b - a)) ** 0.8)
        # One bin that Hi-C cannot see.
        count[(a == 60) | (b == 60)] = 0
        kept = count > 0
        tables[chrom] = pd.DataFrame({"bin1_id": a[kept], "bin2_id": b[kept], "count": count[kept]})
    return tables


@pytest.fixture(scope="module")
def cool(tmp_path_factory: pytest.TempPathFactory, pixels: dict[str, pd.DataFrame]) -> Path:
    path = tmp_path_factory.mktemp("cool") / "m.cool"
    bins = cooler.binnify(pd.Series(SIZES), BIN)
    shifted, offset = [], 0
    for chrom, table in pixels.items():
        shifted.append(table.assign(bin1_id=table.bin1_id + offset, bin2_id=table.bin2_id + offset))
        offset += -(-SIZES[chrom] // BIN)
    # Counts between chromosomes must not enter the marginals.
    between = pd.DataFrame({"bin1_id": [0, 3], "bin2_id": [20, 100], "count": [500, 900]})
    table = pd.concat([*shifted, between]).sort_values(["bin1_id", "bin2_id"])
    cooler.create_cooler(str(path), bins, table, ordered=True)
    return path


def test_power_law_worked_values() -> None:
    got = power_law([0, 5_000, 100_000, 1_000_000])
    np.testing.assert_allclose(got, [0.123436, 0.123436, 0.0091121, 0.00122920], rtol=5e-6)
    assert math.log10(1 + got[3]) == pytest.approx(0.000533505, rel=1e-5)


def test_power_law_profile_of_a_gene_without_hic() -> None:
    got = power_law_profile(1_000, Interval("chr1", -9_000, 11_000), 50_000)
    assert (got[:9_000] == 0).all()
    assert got[10_000] == pytest.approx(0.1234360 + 0.0012292, rel=1e-5)
    d = 10_999 - 1_000
    expected = math.exp(5.3181 - 0.87 * math.log(d + 1)) + 0.0012292
    assert got[-1] == pytest.approx(expected, rel=1e-5)


counts = st.integers(1, 12).flatmap(
    lambda n: st.lists(
        st.integers(0, 30), min_size=n * (n + 1) // 2, max_size=n * (n + 1) // 2
    ).map(lambda values: (n, values))
)


@given(counts)
def test_vanilla_coverage_keeps_the_sum_and_follows_the_rows(
    drawn: tuple[int, list[int]],
) -> None:
    n, values = drawn
    a, b = np.triu_indices(n)
    count = np.array(values)
    kept = count > 0
    vector = vanilla_coverage(a[kept], b[kept], count[kept], n)
    matrix = np.zeros((n, n))
    matrix[a, b] = matrix[b, a] = count
    rows = matrix.sum(axis=1)
    np.testing.assert_array_equal(vector == 0, rows == 0)
    if rows.any():
        seen = rows > 0
        ratio = vector[seen] / rows[seen]
        np.testing.assert_allclose(ratio, ratio[0])
        scale = np.outer(vector[seen], vector[seen])
        assert (matrix[np.ix_(seen, seen)] / scale).sum() == pytest.approx(matrix.sum())


def test_vanilla_coverage_equals_the_vector_juicer_stored(real_data: Path) -> None:
    path = real_data / "k562_chr22" / "straw_test_chr22_hg19.hic"
    file = hictkpy.File(str(path), BIN)
    sizes = file.chromosomes()
    names = list(sizes)
    offset = sum(-(-sizes[name] // BIN) for name in names[: names.index("22")])
    n = -(-sizes["22"] // BIN)
    table = file.fetch("22").to_df()
    ours = vanilla_coverage(
        table.bin1_id.to_numpy() - offset,
        table.bin2_id.to_numpy() - offset,
        table["count"].to_numpy(),
        n,
    )
    stored = file.weights("VC", divisive=True)[offset : offset + n]
    np.testing.assert_allclose(ours, stored, rtol=1e-6)


def test_a_file_without_vectors_gives_what_one_with_them_gives(
    real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = real_data / "k562_chr22" / "straw_test_chr22_hg19.hic"
    stored = ContactMap(path)
    tss = 39_713_000
    interval = Interval("chr22", tss - 100_000, tss + 100_000)
    expected = stored.profile("chr22", tss, interval)
    assert expected.max() > 0.5
    computed = ContactMap(path)
    monkeypatch.setattr(computed, "_stored", None)
    monkeypatch.setattr(computed, "_computed", True)
    np.testing.assert_allclose(computed.profile("22", tss, interval), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("chrom", "tss", "start", "end"),
    [
        ("chr2", 600_000, 500_000, 700_000),
        ("2", 604_999, 504_999, 704_999),
        ("chr2", 30_500, -69_500, 130_500),  # the window starts off the chromosome
        ("chr2", 1_200_100, 1_100_100, 1_300_100),  # ends off it, TSS in the short last bin
        ("chr1", 100, -99_900, 100_100),  # a chromosome shorter than the window
        ("chr1", 61_699, -38_301, 161_699),
        ("chr2", 600_000, 610_000, 612_000),  # a view beside the TSS
        ("chr2", 600_000, 580_000, 590_001),
        ("chr2", 302_500, 202_500, 402_500),  # in the bin that Hi-C cannot see
        ("chr2", 300_300, 200_300, 400_300),  # in it, but its neighbour has enough contact: 0
        ("chr2", 299_900, 199_900, 399_900),  # beside it
    ],
)
def test_profile_is_the_published_one_base_by_base(
    cool: Path, pixels: dict[str, pd.DataFrame], chrom: str, tss: int, start: int, end: int
) -> None:
    name = chrom.removeprefix("chr")
    matrix = normalised(dense(pixels[name], -(-SIZES[name] // BIN)))
    got = ContactMap(cool).profile(chrom, tss, Interval(chrom, start, end))
    assert got.dtype == np.float64
    expected = brute_profile(matrix, tss, start, end, SIZES[name])
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_the_bin_hic_cannot_see_fails_the_check_at_the_promoter(cool: Path) -> None:
    profile = ContactMap(cool).profile("2", 302_500, Interval("2", 202_500, 402_500))
    assert not profile.any()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1_203_455), st.integers(-50_000, 1_250_000), st.integers(1, 3_000))
def test_a_view_shows_a_part_of_the_whole_profile(
    cool: Path, tss: int, start: int, width: int
) -> None:
    contact = ContactMap(cool)
    whole = contact.profile("2", tss, Interval("2", -60_000, 1_260_000))
    part = contact.profile("2", tss, Interval("2", start, start + width))
    np.testing.assert_array_equal(part, whole[start + 60_000 : start + 60_000 + width])


def test_marginals_read_in_blocks_are_the_same(
    cool: Path, pixels: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seq2exp.tracks.contact._BLOCK_BP", 33_000)
    table = pixels["2"]
    whole = vanilla_coverage(
        table.bin1_id.to_numpy(), table.bin2_id.to_numpy(), table["count"].to_numpy(), 241
    )
    np.testing.assert_allclose(ContactMap(cool)._compute_vector("2"), whole, rtol=1e-12)


def test_matrix_is_normalised_symmetric_and_at_its_bins(
    cool: Path, pixels: dict[str, pd.DataFrame]
) -> None:
    expected = normalised(dense(pixels["2"], 241))
    got, starts = ContactMap(cool).matrix(Interval("chr2", 123_000, 160_001))
    np.testing.assert_array_equal(starts, np.arange(120_000, 165_000, 5_000))
    np.testing.assert_allclose(got, expected[24:33, 24:33], rtol=1e-6)
    clipped, starts = ContactMap(cool).matrix(Interval("chr2", 1_190_000, 1_900_000))
    assert clipped.shape == (3, 3)
    np.testing.assert_allclose(clipped, expected[238:, 238:], rtol=1e-6)
    assert ContactMap(cool).matrix(Interval("2", 5_000_000, 5_100_000))[0].shape == (0, 0)


def test_threads_and_pickles(cool: Path) -> None:
    contact = ContactMap(cool)
    places = range(100_000, 1_100_000, 20_000)

    def read(tss: int) -> np.ndarray:
        return contact.profile("2", tss, Interval("2", tss - 10_000, tss + 10_000))

    expected = [read(tss) for tss in places]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(read, places), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
    again = pickle.loads(pickle.dumps(ContactMap(cool, 5_000, "none")))
    assert (again.path, again.resolution, again.normalisation) == (cool, 5_000, "none")


@pytest.mark.parametrize("gene", GENES)
@pytest.mark.parametrize("name", ["K562.mcool", "K562.hic"])
def test_real_profile_equals_brute_force_on_coolers_raw_pixels(
    real_data: Path, gene: str, name: str
) -> None:
    folder, tss = real_data / "k562_chr22", GENES[gene]
    raw = cooler.Cooler(f"{folder / 'K562.mcool'}::/resolutions/{BIN}")
    table = raw.matrix(balance=False, as_pixels=True).fetch("chr22")
    count = table["count"].to_numpy(float)
    one, two = table.bin1_id.to_numpy(), table.bin2_id.to_numpy()
    rows = np.zeros(10_164)
    for a, b, c in zip(one, two, count, strict=True):
        rows[a] += c
        if a != b:
            rows[b] += c
    twice = np.where(one == two, 1, 2)
    scale = (twice * count).sum() / (twice * count / (rows[one] * rows[two])).sum()
    at = tss // BIN
    of_bin = dict.fromkeys(range(at - 21, at + 22), 0.0)
    for a, b, c in zip(one, two, count, strict=True):
        if at in (a, b):
            of_bin[b if a == at else a] = c / (rows[a] * rows[b]) * scale
    pseudocount = math.exp(5.3181 - 0.87 * math.log(1_000_001))
    expected = [of_bin[p // BIN] + pseudocount for p in range(tss - 100_000, tss + 100_000)]
    got = ContactMap(folder / name).profile("22", tss, Interval("22", tss - 100_000, tss + 100_000))
    assert got.max() > 50
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_ice_and_raw_equal_cooler(real_data: Path) -> None:
    path = real_data / "k562_chr22" / "K562.mcool"
    reference = cooler.Cooler(f"{path}::/resolutions/10000")
    span = Interval("22", 39_000_000, 39_400_000)
    for name, balance in (("ICE", True), ("weight", True), ("none", False), ("raw", False)):
        got, starts = ContactMap(path, 10_000, name).matrix(span)
        expected = reference.matrix(balance=balance).fetch("chr22:39000000-39400000")
        np.testing.assert_allclose(got, np.nan_to_num(expected), rtol=1e-12)
        assert (starts[0], len(starts)) == (39_000_000, 40)


def test_says_what_it_shows(cool: Path, real_data: Path) -> None:
    path = real_data / "k562_chr22" / "K562.mcool"
    assert ContactMap(cool).source == "Hi-C VC 5 kb"
    assert ContactMap(path, 10_000, "weight").source == "Hi-C ICE 10 kb"
    assert ContactMap(path, 25_000, "none").source == "Hi-C raw 25 kb"


@pytest.mark.parametrize(
    ("name", "keep"),
    [
        *((name, keep) for name in ("K562.mcool", "K562.hic") for keep in (100, 0.3, 0.9, -1)),
        # Of an older .hic the last bytes are vectors of whole genomes, which are not read.
        *(("straw_test_chr22_hg19.hic", keep) for keep in (100, 0.3, 0.6)),
    ],
)
def test_cut_short(real_data: Path, tmp_path: Path, name: str, keep: float) -> None:
    content = (real_data / "k562_chr22" / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(InputError, match=f"The contact map .*{name} .*cut short"):
        contact = ContactMap(path)
        contact.profile("22", 39_713_000, Interval("22", 39_613_000, 39_813_000))


def test_bad_maps(tmp_path: Path, cool: Path, real_data: Path) -> None:
    with pytest.raises(InputError, match=r"no readable contact map at .*none\.mcool"):
        ContactMap(tmp_path / "none.mcool")
    text = tmp_path / "text.hic"
    text.write_text("chr1 5 9\n")
    with pytest.raises(InputError, match=r"text\.hic cannot be read"):
        ContactMap(text)
    mcool = real_data / "k562_chr22" / "K562.mcool"
    with pytest.raises(InputError, match="no resolution of 1,000 bp; choose one of 5,000, 10,000"):
        ContactMap(mcool, 1_000)
    with pytest.raises(InputError, match=r"K562\.hic has no resolution of 1,000 bp"):
        ContactMap(mcool.with_suffix(".hic"), 1_000)
    with pytest.raises(InputError, match=r"m\.cool cannot be read.*resolution"):
        ContactMap(cool, 10_000)
    with pytest.raises(InputError, match=r"no KR normalisation \(it has: weight\); choose VC"):
        ContactMap(mcool, normalisation="KR")
    with pytest.raises(InputError, match="'VCC' is not a Hi-C normalisation; choose one of VC,"):
        ContactMap(mcool, normalisation="VCC")
    with pytest.raises(InputError, match=r"m\.cool has no chromosome chr9; choose a gene"):
        ContactMap(cool).profile("chr9", 5, Interval("chr9", 0, 10))
    with pytest.raises(InputError, match=r"TSS 61,701 lies off 1 of .* assembly"):
        ContactMap(cool).profile("chr1", 61_700, Interval("chr1", 61_000, 62_000))


def test_vectors_are_remembered_by_the_files_state(cool: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.cool"
    copy.write_bytes(cool.read_bytes())
    first = ContactMap(copy)._vector("2")
    folder = cache_dir() / "vc"
    before = set(folder.iterdir())
    np.testing.assert_array_equal(ContactMap(copy)._vector("2"), first)
    assert set(folder.iterdir()) == before
    os.utime(copy, ns=(1, 1))
    np.testing.assert_array_equal(ContactMap(copy)._vector("2"), first)
    assert len(set(folder.iterdir()) - before) == 1
