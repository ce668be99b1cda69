"""The publication figure of a gene: chosen rows, highlights, and what is refused."""

import re
import struct
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from seq2exp.errors import InputError
from seq2exp.export.figure import (
    FigureOptions,
    drawable_tracks,
    format_of,
    gene_figure,
    parse_highlight,
    parse_size,
)
from seq2exp.export.gene import scene_of
from seq2exp.export.presets import PRESETS
from seq2exp.genome.locus import Interval
from seq2exp.view.paper.highlights import Highlight
from seq2exp.view.scene import UserTrack
from seq2exp.view.tracks import TrackSettings, ViewSettings

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def scene(results, tiny):
    return scene_of(results[0], tiny)


@pytest.fixture(scope="module")
def region(results):
    start = results[0].gene.tss - 5_000
    return Interval(results[0].window.interval.chrom, start, start + 12_000)


def rows_of(svg):
    """Keys of the rows from top to bottom."""
    return re.findall(r'<g id="track-([\w-]+)">', svg.decode())


def texts_of(svg):
    return ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_the_rows_are_those_asked_for_in_that_order(scene, region):
    options = FigureOptions(tracks=("mask", "peaks", "dnase"), title="A <b> & c")
    svg = gene_figure(scene, region, "svg", options)
    assert rows_of(svg) == ["ruler", "mask", "peaks", "dnase"]
    said = texts_of(svg)
    assert "A <b> & c" in said and "Simulated data" in said
    assert str(region) in " ".join(said)


def test_without_a_choice_the_rows_are_the_screens(scene, region):
    settings = ViewSettings(tracks={"evidence": TrackSettings(visible=False)})
    rows = rows_of(gene_figure(scene, region, "svg", settings=settings))
    assert "evidence" not in rows and {"genes", "dnase", "elements", "mask"} <= set(rows)
    shown = FigureOptions(tracks=("dnase", "evidence"))
    assert "evidence" in rows_of(gene_figure(scene, region, "svg", shown, settings))


def test_every_option_reaches_the_page(scene, region):
    options = FigureOptions(
        width_mm=120,
        height_mm=90,
        font_size=6,
        dpi=200,
        tracks=("dnase", "mask"),
        highlights=(Highlight(region, "#CC79A7", "here"),),
        footer="made today",
    )
    png = gene_figure(scene, region, "png", options)
    assert struct.unpack(">II", png[16:24]) == (945, 709)
    svg = gene_figure(scene, region, "svg", options)
    assert {"here", "made today"} <= set(texts_of(svg))
    assert b'id="highlight-0"' in svg
    assert gene_figure(scene, region, "pdf", options).startswith(b"%PDF")


def test_the_region_is_cut_to_the_window(scene, results):
    window = results[0].window.interval
    over = Interval(window.chrom, window.start - 9_000, window.start + 5_000)
    said = texts_of(gene_figure(scene, over, "svg", FigureOptions(tracks=("dnase",))))
    inside = str(Interval(window.chrom, window.start, window.start + 5_000))
    assert any(text.startswith(inside) for text in said)
    with pytest.raises(InputError, match="lies outside the window of"):
        gene_figure(scene, Interval("chr9", 0, 10), "svg")


def test_a_row_that_is_not_there_is_named(scene, region):
    with pytest.raises(InputError, match="no track 'dnas'; did you mean 'dnase'"):
        gene_figure(scene, region, "svg", FigureOptions(tracks=("mask", "dnas")))


def test_the_rows_to_choose_from_are_those_that_there_are(scene, region):
    hidden = ViewSettings(
        tracks={"mask": TrackSettings(visible=False)}, order=("ruler", "mask", "genes")
    )
    own = replace(scene, crispr=None, user_tracks=[UserTrack("Mine", intervals=scene.peaks)])
    found = drawable_tracks(own, region, hidden)
    assert list(found)[:2] == ["mask", "genes"]
    assert found["user:0"] == "Mine" and found["triangle"] == "Hi-C map"
    assert not {"ruler", "crispr", "truth", "edits", "effects", "seeds"} & set(found)
    assert "triangle" not in drawable_tracks(replace(scene, contact_matrix=None), region)
    chosen = FigureOptions(tracks=tuple(found))
    assert rows_of(gene_figure(own, region, "svg", chosen)) == [
        "ruler",
        *(key.replace(":", "-") for key in found),
    ]


def test_every_journals_page_can_be_drawn():
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    for preset in PRESETS:
        options = FigureOptions(width_mm=preset.width_mm, font_size=preset.font_size)
        assert options.width_mm == preset.width_mm


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("180x90", (180.0, 90.0)),
        ("85", (85.0, None)),
        (" 88.5 x 60 mm", (88.5, 60.0)),
        ("180×90", (180.0, 90.0)),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "wide", "180x", "x90", "-5x9", "180x90x3", "1e3"])
def test_what_is_no_size(text):
    with pytest.raises(InputError, match="is no size; write millimetres as 180x90"):
        parse_size(text)


def test_highlights():
    lengths = {"chr22": 1_000}
    place = Interval("chr22", 9, 20)
    assert parse_highlight("22:10-20", lengths) == Highlight(place)
    assert parse_highlight("chr22:10-20=#cc79a7", lengths) == Highlight(place, "#cc79a7")
    assert parse_highlight("chr22:10-20==a=b", lengths) == Highlight(place, label="a=b")
    with pytest.raises(InputError, match="lies off chr22"):
        parse_highlight("chr22:10-2000", lengths)
    with pytest.raises(InputError, match="'red' is no colour"):
        parse_highlight("chr22:10-20=red", lengths)


def test_the_format_is_the_files():
    assert format_of(Path("a/b.SVG")) == "svg"
    with pytest.raises(InputError, match=r"b names no figure format; let it end in \.svg"):
        format_of(Path("a/b"))
