"""The printed page: its exact size, how rows share it, and highlights; measured in the files."""

import re
import struct
import xml.etree.ElementTree as ElementTree

import pytest
from scenes import make_scene

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.view.matplotlib import draw, png_pixels
from seq2exp.view.paper.highlights import Highlight
from seq2exp.view.rows import build_tracks
from seq2exp.view.tracks import TrackSettings, ViewSettings

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def scene():
    return make_scene()


@pytest.fixture(scope="module")
def view(scene):
    return Interval(scene.interval.chrom, scene.interval.start, scene.interval.end)


@pytest.fixture(scope="module")
def rows(scene, view):
    hidden = {key: TrackSettings(visible=False) for key in ("evidence", "truth", "user:0")}
    return build_tracks(scene, view, ViewSettings(tracks=hidden))


def read(svg):
    return ElementTree.fromstring(svg)


def group(tree, gid):
    return next((g for g in tree.iter(f"{SVG}g") if g.get("id") == gid), None)


def box(tree, gid):
    """Left, right, top and bottom (points) of what a group draws."""
    numbers = []
    for path in group(tree, gid).iter(f"{SVG}path"):
        numbers += re.findall(r"[ML] (-?[\d.]+) (-?[\d.]+)", path.get("d"))
    xs, ys = zip(*((float(x), float(y)) for x, y in numbers), strict=True)
    return min(xs), max(xs), min(ys), max(ys)


def row_heights(tree, keys):
    """The clip path of a row's curve is its axes; its height in mm."""
    clips = {
        clip.get("id"): float(clip.find(f"{SVG}rect").get("height"))
        for clip in tree.iter(f"{SVG}clipPath")
    }
    found = {}
    for key in keys:
        marked = [node for node in group(tree, f"track-{key}").iter() if node.get("clip-path")]
        reference = re.search(r"#(\w+)", marked[0].get("clip-path")).group(1)
        found[key] = clips[reference] / 72 * 25.4
    return found


@pytest.mark.parametrize(("width", "height"), [(180, 120), (85, 200), (180, 95.5)])
def test_the_page_has_exactly_the_size_asked_for(rows, view, width, height):
    root = read(draw(rows, view, width_mm=width, height_mm=height))
    size = [float(root.get(key).removesuffix("pt")) / 72 * 25.4 for key in ("width", "height")]
    assert size == pytest.approx([width, height], abs=1e-3)
    pdf = draw(rows, view, "pdf", width_mm=width, height_mm=height)
    x0, y0, x1, y1 = map(float, re.search(rb"/MediaBox \[(.*?)\]", pdf).group(1).split())
    assert (x1 - x0, y1 - y0) == pytest.approx((width / 25.4 * 72, height / 25.4 * 72), abs=0.01)


@pytest.mark.parametrize(
    ("width", "height", "dpi"), [(180, 120, 300), (127, 110, 96), (85, 150, 150), (89, 140, 173)]
)
def test_a_png_has_exactly_the_pixels_asked_for(rows, view, width, height, dpi):
    png = draw(rows, view, "png", width_mm=width, height_mm=height, dpi=dpi)
    assert png[12:16] == b"IHDR"
    pixels = struct.unpack(">II", png[16:24])
    assert pixels == (round(width / 25.4 * dpi), round(height / 25.4 * dpi))
    at = png.index(b"pHYs")
    per_metre = struct.unpack(">II", png[at + 4 : at + 12])
    assert per_metre == (pytest.approx(dpi / 0.0254, abs=1),) * 2


def test_rows_with_values_share_what_the_others_leave(rows, view):
    keys = ("dnase", "h3k27ac", "contact", "peaks", "genes")
    low, high = (
        row_heights(read(draw(rows, view, height_mm=height)), keys) for height in (120, 180)
    )
    assert low["peaks"] == pytest.approx(high["peaks"]) and low["genes"] == high["genes"]
    grown = {key: high[key] / low[key] for key in ("dnase", "h3k27ac", "contact")}
    assert min(grown.values()) > 1.5
    assert max(grown.values()) == pytest.approx(min(grown.values()), rel=1e-4)


def test_the_usual_height_is_that_of_no_height(rows, view):
    free = read(draw(rows, view))
    height = float(free.get("height").removesuffix("pt")) / 72 * 25.4
    same = row_heights(read(draw(rows, view, height_mm=height)), ("dnase", "peaks"))
    assert same == pytest.approx(row_heights(free, ("dnase", "peaks")), rel=1e-4)


def test_boxes_alone_spread_over_the_page(scene, view):
    keys = ("ruler", "genes", "peaks", "elements")
    tracks = {
        key: TrackSettings(visible=key in keys)
        for key in ("dnase", "h3k27ac", "contact", "truth", "mask", "evidence", "crispr")
    } | {"user:0": TrackSettings(visible=False), "user:1": TrackSettings(visible=False)}
    rows = build_tracks(scene, view, ViewSettings(tracks=tracks))
    assert [row.key for row in rows] == list(keys)
    low, high = (
        box(read(draw(rows, view, height_mm=height)), "track-elements")[3] for height in (60, 90)
    )
    assert high - low == pytest.approx(30 / 25.4 * 72, rel=0.01)


def test_too_low_a_page_says_how_high_it_must_be(rows, view):
    with pytest.raises(
        InputError, match=r"too low for its \d+ rows: use at least (\d+) mm"
    ) as told:
        draw(rows, view, height_mm=40)
    needed = int(re.search(r"at least (\d+)", str(told.value)).group(1))
    draw(rows, view, height_mm=needed)
    with pytest.raises(InputError, match="too low"):
        draw(rows, view, height_mm=needed - 1)


@pytest.mark.parametrize("width", [80, 89, 183])
def test_a_title_leaves_room_for_the_simulated_badge(rows, view, width):
    title = "A gene with quite a long name in a cell type of one's own"
    root = read(draw(rows, view, title=title, width_mm=width, simulated=True))
    height = {
        "".join(node.itertext()): float(
            node.get("y")
            or re.search(r"translate\([-\d.]+[ ,]([-\d.]+)\)", node.get("transform"))[1]
        )
        for node in root.iter(f"{SVG}text")
    }
    lines = [text for text in height if text and text in title]
    assert " ".join(sorted(lines, key=height.get)) == title
    assert len(lines) == {80: 2, 89: 2, 183: 1}[width]
    below = min(at for text, at in height.items() if text.startswith(view.chrom) and ":" in text)
    assert max(height[text] for text in lines) < below


def test_text_stays_text_in_the_size_asked_for(rows, view):
    svg = draw(rows, view, title="SYNGR1 in K562", font_size=9, height_mm=180)
    root = read(svg)
    texts = {"".join(node.itertext()): node for node in root.iter(f"{SVG}text")}
    assert {"SYNGR1 in K562", "DNase", "H3K27ac", "Learned"} <= set(texts)
    assert "9px" in texts["DNase"].get("style") + (texts["DNase"].get("font-size") or "")


def test_a_png_that_no_memory_holds_is_refused(rows, view):
    with pytest.raises(InputError, match=r"28,346 x 28,346 pixels is too large"):
        draw(rows, view, "png", width_mm=600, height_mm=600, dpi=1200)
    with pytest.raises(InputError, match=r"28,346 x 28,346 pixels is too large"):
        png_pixels(600, 600, 1200)


def test_the_pixels_of_a_page_are_those_of_its_png(rows, view):
    png = draw(rows, view, "png", width_mm=121, height_mm=190.5, dpi=90)
    assert png_pixels(121, 190.5, 90) == struct.unpack(">II", png[16:24]) == (429, 675)


def test_highlights_stand_at_their_coordinates(rows, view):
    middle = view.start + 60_000
    marks = [
        Highlight(Interval("chr22", middle, middle + 20_000), "#CC79A7", "enhancer & co"),
        Highlight(Interval("chr22", view.start - 500, view.start + 10_000), "#56B4E9"),
        Highlight(Interval("chr22", view.end + 5, view.end + 900), "#000000", "outside"),
        Highlight(Interval("chr1", middle, middle + 20_000), "#000000", "elsewhere"),
    ]
    tree = read(draw(rows, view, highlights=marks, height_mm=150))
    left, right, top, bottom = box(tree, "highlight-1")
    plot = box(tree, "guides")
    ruler = {
        int("".join(node.itertext()).replace(",", "")): float(node.get("x"))
        for node in group(tree, "track-ruler").iter(f"{SVG}text")
        if re.fullmatch(r"[\d,]{6,}", "".join(node.itertext()))
    }
    (first, a), *_, (last, b) = sorted(ruler.items())
    per_bp = (b - a) / (last - first)
    assert left == pytest.approx(a + (middle + 0.5 - first) * per_bp, abs=0.1)
    assert right - left == pytest.approx(20_000 * per_bp, abs=0.05)
    assert top <= plot[2] + 0.1 and bottom >= plot[3] - 0.1
    style = next(group(tree, "highlight-1").iter(f"{SVG}path")).get("style").lower()
    assert "#cc79a7" in style and "opacity: 0.3" in style
    assert group(tree, "highlight-2") is None
    texts = {"".join(node.itertext()): node for node in tree.iter(f"{SVG}text")}
    assert not {"outside", "elsewhere"} & set(texts)
    assert float(texts["enhancer & co"].get("x")) == pytest.approx((left + right) / 2, abs=0.1)


def test_labels_of_neighbours_do_not_cover_each_other(rows, view):
    marks = [
        Highlight(Interval("chr22", at, at + 100), label=f"a rather long label {i}")
        for i, at in enumerate(range(view.start + 100, view.start + 6_000, 1_500))
    ]
    tree = read(draw(rows, view, highlights=marks, height_mm=150))
    placed = [
        (float(node.get("x")), float(node.get("y")))
        for node in tree.iter(f"{SVG}text")
        if "rather long" in "".join(node.itertext())
    ]
    assert len(placed) == len(marks)
    assert len({y for _, y in placed}) == len(marks)


def test_a_narrow_highlight_can_be_seen(rows, view):
    mark = Highlight(Interval("chr22", view.start + 50_000, view.start + 50_001))
    left, right, *_ = box(read(draw(rows, view, highlights=[mark])), "highlight-0")
    assert right - left == pytest.approx(0.3 / 25.4 * 72, abs=0.05)


def test_a_colour_must_be_one(view):
    for bad in ("red", "#12345", "#GGGGGG", ""):
        with pytest.raises(InputError, match="is no colour of a highlight"):
            Highlight(view, bad)


@pytest.mark.parametrize("fmt", ["svg", "pdf", "png"])
def test_the_same_page_gives_the_same_bytes(rows, view, fmt):
    marks = [Highlight(view, "#CC79A7", "all")]
    made = [draw(rows, view, fmt, dpi=80, height_mm=150, highlights=marks) for _ in range(2)]
    assert made[0] == made[1]
