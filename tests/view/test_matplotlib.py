"""The printed figure, read back: positions are measured in the SVG, not asked of the code."""

import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations

import matplotlib
import numpy as np
import pytest

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.view import matplotlib as printed
from seq2exp.view.paper.page import compose
from seq2exp.view.paper.sheet import number, span_text
from seq2exp.view.tracks import (
    EVIDENCE_COLORS,
    EVIDENCE_NAMES,
    PALETTE,
    ROW_HEIGHTS,
    ROW_TITLES,
    TrackSpec,
)

SVG = "{http://www.w3.org/2000/svg}"
START = 39_580_000
VIEW = Interval("chr22", START, START + 200_000)


def spec(key, kind, data, unit="", **more):
    return TrackSpec(key, ROW_TITLES[key], kind, unit, ROW_HEIGHTS[key], PALETTE[key], data, **more)


def signal(values, width=100):
    x = START + width * np.arange(len(values), dtype=np.int64)
    values = np.asarray(values, dtype=float)
    return {"x": x, "width": width, "min": values / 2, "mean": values, "max": values * 1.5}


def intervals(starts, ends, names=None, lanes=1):
    count = len(starts)
    return {
        "start": np.asarray(starts, dtype=np.int64),
        "end": np.asarray(ends, dtype=np.int64),
        "name": names or [""] * count,
        "score": np.zeros(count),
        "lane": np.zeros(count, dtype=int),
        "color": ["#123456"] * count,
        "hover": [""] * count,
        "summit": np.full(count, -1),
        "lanes": lanes,
    }


def gene(name, start, end, strand="+", **more):
    exons = [(start, start + (end - start) // 10), (end - (end - start) // 5, end)]
    row = {
        "gene_id": name,
        "transcript_id": name,
        "name": name,
        "strand": strand,
        "start": start,
        "end": end,
        "exons": exons,
        "cds": (start + 10, end - 10),
        "lane": 0,
        "canonical": True,
        "target": False,
        "biotype": "protein_coding",
    }
    return row | more


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    values = rng.gamma(1, 2, 2000)
    mean = np.clip(values / 20, 0, 1)
    mask = {
        "x": START + 100 * np.arange(2000),
        "width": 100,
        "min": mean,
        "mean": mean,
        "max": mean,
        "lower": mean * 0.5,
        "upper": np.minimum(mean * 1.4, 1),
        "band": "90 % credible band",
        "promoter": (START + 99_000, START + 101_000),
        "closed": [(START + 20_000, START + 30_000)],
    }
    counts = np.add.outer(np.arange(40.0), np.arange(40.0))
    return [
        spec("ruler", "ruler", {"tss": START + 100_000, "strand": "+", "gene": "SYNGR1"}),
        spec("genes", "genes", {"rows": [gene("SYNGR1", START + 100_000, START + 135_000)]}),
        spec("dnase", "signal", signal(values), "signal"),
        spec("h3k27ac", "signal", signal(values), "signal", scale="log1p"),
        spec("triangle", "triangle", {"x": START + 5000 * np.arange(41), "matrix": counts}),
        spec("peaks", "intervals", intervals([START + 50_000], [START + 60_000])),
        spec("mask", "mask", mask, "P(used)", y_range=(0.0, 1.0), threshold=0.5),
        spec(
            "evidence",
            "evidence",
            {
                "x": START + 100 * np.arange(2000),
                "width": 100,
                "shares": np.full((2000, 4), 0.25),
                "names": list(EVIDENCE_NAMES),
                "colors": list(EVIDENCE_COLORS),
            },
            "share of α",
        ),
    ]


def read(svg):
    return ElementTree.fromstring(svg)


def group(tree, key):
    return next(g for g in tree.iter(f"{SVG}g") if g.get("id") == f"track-{key}")


def texts(tree):
    return ["".join(node.itertext()) for node in tree.iter(f"{SVG}text")]


def xs(path):
    """All x of a path made of M and L commands, in points."""
    return [float(x) for x, _ in re.findall(r"[ML] (-?[\d.]+) (-?[\d.]+)", path.get("d"))]


def points(tree, key, color):
    """Corners of the filled shapes of one colour in a row."""
    return [
        path
        for path in group(tree, key).iter(f"{SVG}path")
        if f"fill: {color.lower()}" in (path.get("style") or "").lower()
    ]


class Axis:
    """The x axis, calibrated on two tick labels of the ruler as a reader would."""

    def __init__(self, tree):
        labels = [
            (int(text.replace(",", "")), float(node.get("x")))
            for node in group(tree, "ruler").iter(f"{SVG}text")
            if re.fullmatch(r"[\d,]+", text := "".join(node.itertext()))
        ]
        (first, a), (last, b) = labels[0], labels[-1]
        self.positions = [position for position, _ in labels]
        self.per_bp = (b - a) / (last - first)
        self.origin = a - first * self.per_bp

    def one_based(self, x):
        return (x - self.origin) / self.per_bp


def test_boxes_stand_at_their_coordinates(rows):
    tree = read(printed.draw(rows, VIEW))
    axis = Axis(tree)
    (box,) = points(tree, "peaks", "#123456")
    # Base p (1-based) is centred on its tick, so a box starts half a base before its first one.
    assert axis.one_based(min(xs(box))) == pytest.approx(START + 50_000 + 0.5, abs=10)
    assert axis.one_based(max(xs(box))) == pytest.approx(START + 60_000 + 0.5, abs=10)


def test_letters_stand_on_their_base():
    x = START + np.arange(60)
    letters = {
        "x": x,
        "base": list("ACGTN" * 12),
        "height": np.linspace(0.1, 1, 60),
        "lower": np.zeros(60),
        "upper": np.ones(60),
        "promoter": (START + 500, START + 900),
        "closed": [],
    }
    view = Interval("chr22", START, START + 60)
    tree = read(printed.draw([spec("mask", "letters", letters, y_range=(0, 1))], view, title="x"))
    axis = Axis(tree)
    assert set(np.diff(axis.positions)) == {10}
    greens = points(tree, "mask", "#009E73")
    assert len(greens) == 12
    middles = sorted(axis.one_based((min(xs(p)) + max(xs(p))) / 2) for p in greens)
    assert middles == pytest.approx(START + 1 + 5 * np.arange(12), abs=0.06)


def test_signal_line_follows_the_data(rows):
    values = np.zeros(2000)
    values[700] = 8.0
    one = replace(rows[2], data=signal(values), y_range=(0.0, 10.0))
    tree = read(printed.draw([rows[0], one], VIEW))
    axis = Axis(tree)
    curve = next(
        path
        for path in group(tree, "dnase").iter(f"{SVG}path")
        if "stroke: #0072b2" in (path.get("style") or "") and "fill: none" in path.get("style")
    )
    coordinates = re.findall(r"[ML] (-?[\d.]+) (-?[\d.]+)", curve.get("d"))
    x, y = min(((float(x), float(y)) for x, y in coordinates), key=lambda point: point[1])
    assert axis.one_based(x) == pytest.approx(START + 700 * 100 + 50, abs=100)
    base = max(float(y) for _, y in coordinates)
    height = ROW_HEIGHTS["dnase"] * 0.18 / 25.4 * 72
    assert (base - y) / height == pytest.approx(0.8, abs=0.01)


def test_texts_say_what_is_shown(rows):
    tree = read(printed.draw(rows, VIEW, title="SYNGR1 <K562>", footer="a & b", simulated=True))
    said = texts(tree)
    assert "SYNGR1 <K562>" in said and "a & b" in said and "Simulated data" in said
    assert "chr22:39,580,001-39,780,000  (200 kb)" in said
    assert "39,600,000" in said
    assert "threshold 0.5" in said and "promoter, forced open" in said
    assert "blacklist, forced closed" in said
    assert "SYNGR1" in said
    assert set(EVIDENCE_NAMES) <= set(said)
    assert "signal, log scale" in said
    assert "(simulated data)" in tree.find(f"{SVG}title").text


def test_simulated_only_when_told(rows):
    assert b"imulated" not in printed.draw(rows, VIEW)


def test_axis_top_is_in_the_datas_unit_on_either_scale():
    values = np.full(2000, 100.0)
    for scale in ("linear", "log1p"):
        one = spec("dnase", "signal", signal(values), scale=scale, y_range=(0.0, 150.0))
        assert "150" in texts(group(read(printed.draw([one], VIEW)), "dnase"))


@pytest.mark.parametrize("fmt", printed.FORMATS)
def test_same_bytes_in_every_process_and_thread(rows, fmt):
    first = printed.draw(rows, VIEW, fmt, dpi=100, title="one")
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: printed.draw(rows, VIEW, fmt, dpi=100, title="one"), "abc"))
    assert all(other == first for other in again)


def test_settings_of_the_user_change_nothing_and_are_left_alone(rows):
    first = printed.draw(rows, VIEW)
    mine = {"svg.fonttype": "path", "font.family": ["serif"], "lines.linewidth": 9.0}
    with matplotlib.rc_context(mine):
        assert printed.draw(rows, VIEW) == first
        assert matplotlib.rcParams["svg.fonttype"] == "path"


def test_no_pyplot_and_no_chance():
    code = """
import sys, hashlib
from seq2exp.genome.locus import Interval
from seq2exp.view.matplotlib import draw
for fmt in ("svg", "pdf", "png"):
    print(hashlib.sha256(draw([], Interval("chr1", 0, 500), fmt, title="a")).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
"""
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        ).stdout
        for seed in "12"
    }
    assert len(runs) == 1


def test_png_has_the_asked_size(rows):
    png = printed.draw(rows, VIEW, "png", width_mm=127, dpi=120)
    width, height = struct.unpack(">II", png[16:24])
    assert width == 600
    assert height > 300


def test_pdf_embeds_truetype_and_no_date(rows):
    pdf = printed.draw(rows, VIEW, "pdf", title="SYNGR1")
    assert pdf.startswith(b"%PDF")
    assert b"/Subtype /Type0" in pdf or b"/Subtype /TrueType" in pdf or b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf


@pytest.mark.parametrize("width_mm", [85, 180])
@pytest.mark.parametrize("seed", range(4))
def test_gene_names_never_collide(seed, width_mm):
    rng = np.random.default_rng(seed)
    genes = []
    for i in range(30):
        start = START - 20_000 + int(rng.integers(0, 230_000))
        size = int(rng.choice([80, 2_000, 30_000, 150_000]))
        genes.append(gene(f"GENE{'X' * int(rng.integers(0, 9))}{i}", start, start + size, "-"))
    row = spec("genes", "genes", {"rows": genes, "lanes": 3})
    with matplotlib.rc_context(printed._MATPLOTLIB_DEFAULTS | printed._STYLE):
        figure = compose([row], VIEW, width_mm, 7.0, "", "", False)
        figure.draw_without_rendering()
        axes = next(a for a in figure.axes if a.get_label() == "genes")
        labels = [(t.get_text(), t.get_window_extent()) for t in axes.texts]
        seen = [g for g in genes if g["end"] > VIEW.start and g["start"] < VIEW.end]
        assert sorted(name for name, _ in labels) == sorted(g["name"] for g in seen)
        for (one, a), (other, b) in combinations(labels, 2):
            assert not a.overlaps(b), (one, other)
        page = figure.bbox
        assert all(box.x0 >= 0 and box.x1 <= page.x1 for _, box in labels)
        frame = axes.get_window_extent()
        assert all(box.y0 >= frame.y0 - 1 for _, box in labels)


@pytest.mark.parametrize("strand", "+-")
def test_chevrons_point_downstream(strand):
    row = spec("genes", "genes", {"rows": [gene("A", START, START + 150_000, strand)]})
    svg = group(read(printed.draw([row], VIEW)), "genes")
    arrows = [
        p for p in svg.iter(f"{SVG}path") if len(xs(p)) == 3 and "stroke" in (p.get("style") or "")
    ]
    assert len(arrows) > 20
    for arrow in arrows:
        tail, tip, other = xs(arrow)
        assert tail == other
        assert (tip > tail) == (strand == "+")


def test_triangle_is_turned_and_aligned():
    """The pair of the first and last bin is the apex, a bin with itself lies on the base."""
    n = 20
    matrix = np.zeros((n, n))
    matrix[0, -1] = matrix[-1, 0] = 50.0
    row = spec("triangle", "triangle", {"x": START + 10_000 * np.arange(n + 1), "matrix": matrix})
    with matplotlib.rc_context(printed._MATPLOTLIB_DEFAULTS | printed._STYLE):
        figure = compose([row], VIEW, 180, 7.0, "", "", False)
    axes = next(a for a in figure.axes if a.get_label() == "triangle")
    mesh = axes.collections[0]
    grid = mesh.get_coordinates()
    corners = grid[:-1, :-1], grid[1:, 1:]
    centre = (corners[0][0, -1] + corners[1][0, -1]) / 2
    assert centre[0] == START + 100_000
    assert centre[1] == 95_000
    shown = np.ma.getdata(mesh.get_array()).reshape(n, n)
    assert np.unravel_index(np.argmax(shown), shown.shape) == (0, n - 1)


def test_rows_without_data_say_so(rows):
    none = np.zeros(0)
    empty = {"x": none, "width": 100, "min": none, "mean": none, "max": none}
    empty |= {"lower": none, "upper": none, "promoter": (START, START + 9), "closed": []}
    waiting = replace(rows[6], data=empty, threshold=None, note="the model is running")
    nothing = spec("peaks", "intervals", intervals([], []))
    genes = spec("genes", "genes", {"rows": [], "lanes": 1})
    blank = spec("dnase", "signal", {k: empty[k] for k in ("x", "width", "min", "mean", "max")})
    flat = replace(blank, key="flat", data=signal(np.zeros(10)))
    said = texts(read(printed.draw([waiting, nothing, genes, blank, flat], VIEW)))
    assert {"the model is running", "none in view", "no gene in view"} <= set(said)


def test_control_characters_and_dollars_are_harmless(rows):
    svg = printed.draw(rows, VIEW, title="a\x00b $x$ \u2028", footer="$\\frac{")
    assert "a b $x$" in texts(read(svg))


@pytest.mark.parametrize(
    "bad",
    [
        {"fmt": "jpeg"},
        {"width_mm": 10},
        {"width_mm": float("nan")},
        {"dpi": 5000},
        {"font_size": 0},
        {"viewport": Interval("chr1", 5, 5)},
    ],
)
def test_bad_sizes_are_refused(rows, bad):
    with pytest.raises(InputError) as error:
        printed.draw(**({"specs": rows, "viewport": VIEW} | bad))
    assert "\n" not in str(error.value)


def test_unknown_kind_is_a_bug_not_a_blank():
    with pytest.raises(ValueError, match="pie"):
        printed.draw([TrackSpec("x", "x", "pie", "", 20, "#000000", {})], VIEW)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12.345, "12.3"),
        (100.4, "100"),
        (1234.5, "1,234"),
        (0.5, "0.5"),
        (2e-5, "2.0e-05"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("bp", "text"), [(87, "87 bp"), (9_999, "9,999 bp"), (200_000, "200 kb"), (1_500_000, "1.5 Mb")]
)
def test_spans(bp, text):
    assert span_text(bp) == text
