"""The one-page report: valid, whole by itself, safe, and saying the numbers of the result."""

import re
from dataclasses import replace
from datetime import date
from importlib.metadata import version

import html5lib
import pytest

from seq2exp.analysis.elements import overlap, peaks_ratio
from seq2exp.analysis.plain import foreign_data
from seq2exp.datasets.catalog import file_digest
from seq2exp.export.figure import FigureOptions
from seq2exp.export.gene import scene_of
from seq2exp.export.report import report
from seq2exp.files import digest
from seq2exp.genome.locus import Interval
from seq2exp.inference.perturb import Edit
from seq2exp.view.scene import UserTrack
from seq2exp.view.tracks import TrackSettings, ViewSettings

DAY = date(2025, 3, 9)
X = "{http://www.w3.org/1999/xhtml}"
SMALL = FigureOptions(tracks=("genes", "dnase", "mask"))


def parsed(text):
    """The page as a strict HTML5 parser sees it; it raises at the first error."""
    return html5lib.HTMLParser(strict=True).parse(text)


def tables(tree):
    """Rows of texts under each heading."""
    found, heading = {}, ""
    for node in tree.iter():
        if node.tag == f"{X}h2":
            heading = "".join(node.itertext())
        if node.tag == f"{X}tr":
            found.setdefault(heading, []).append(["".join(cell.itertext()) for cell in node])
    return found


@pytest.fixture(scope="module")
def page(results, tiny):
    return report(results[0], tiny, options=SMALL, day=DAY, command="seq2exp report 'A & B'")


@pytest.fixture(scope="module")
def read(page):
    return tables(parsed(page))


def test_it_is_valid_html_and_needs_nothing_else(page):
    tree = parsed(page)
    for node in tree.iter():
        assert node.tag not in {f"{X}script", f"{X}link", f"{X}iframe", f"{X}object"}
        for name, value in node.attrib.items():
            if str(name).endswith(("src", "href")):
                assert value.startswith(("#", "data:")), value
            assert not str(name).startswith("on")
    assert not re.search(r"url\((?!#)", page) and "@import" not in page
    assert "default-src 'none'" in page


def test_the_figure_is_inside_and_its_text_is_text(page, results):
    tree = parsed(page)
    (svg,) = [node for node in tree.iter() if node.tag.endswith("}svg")]
    said = ["".join(node.itertext()) for node in svg.iter() if node.tag.endswith("}text")]
    assert {"DNase", results[0].gene.name, "Simulated data"} <= set(said)
    assert svg.attrib["role"] == "img" and results[0].gene.name in svg.attrib["aria-label"]
    assert "<?xml" not in page and page.count("<!doctype") == 1 and "DOCTYPE" not in page


def test_the_readout_is_that_of_the_result(read, results):
    result = results[0]
    rows = read["Readout"]
    assert rows[0] == ["Quantity", "Value", "Unit"]
    values = {(row[0], row[2].split()[0]): row[1] for row in rows[1:]}
    prediction, window = result.prediction, result.window
    assert values["Predicted expression", "log10(CAGE+1)"] == f"{prediction.expression:.3f}"
    assert values["Measured expression", "log10(x+1),"] == f"{window.label:.3f}"
    apart = prediction.expression - window.label
    assert values["Predicted - measured", "log10(CAGE+1)"] == f"{apart:+.3f}"
    assert values["Mask ratio", "%"] == f"{100 * prediction.mask.mean():.2f}"
    assert values["Peak ratio", "%"] == f"{100 * peaks_ratio(result.peaks, window.interval):.2f}"
    assert values["Learned elements", "elements"] == str(len(result.elements))
    assert values["Learned elements", "bp"] == f"{result.frame['length'].sum():,}"
    assert all(row[2] for row in rows)


def test_the_elements_are_all_there(read, page, results):
    result = results[0]
    rows = read["Learned elements"]
    assert len(rows) == 1 + len(result.elements) > 3
    assert [row[:2] for row in rows[1:]] == [
        [element.name, str(element.interval)] for element in result.elements
    ]
    frame, window = result.frame, result.window.interval
    covered = 0
    for row, element in zip(rows[1:], result.elements, strict=True):
        away = element.interval.center - result.gene.tss
        away = away if result.gene.strand == "+" else -away
        assert row[2:6] == [
            f"{element.interval.width:,}",
            f"{away:+,}",
            f"{element.mean_mask:.3f}",
            f"{element.max_mask:.3f}",
        ]
        covered += int(row[6].replace(",", ""))
    counts = overlap(frame, result.peaks, window)
    assert covered == counts.bp_shared
    assert f"{counts.a_shared} of {len(frame)} learned elements overlap peaks" in page


def test_what_one_needs_to_make_it_again(read, page, results, tiny):
    result = results[0]
    parameters = dict(read["Parameters"])
    assert parameters["Model sha256"] == digest(result.model.path)
    assert parameters["Prior"].endswith("as trained")
    assert "0.45" in parameters["Mask"] and "50 bp" in parameters["Mask"]
    assert parameters["Peaks"] == result.peaks_source
    data = dict(row for row in read["Data set"] if len(row) == 2)
    assert data["Sha256 of all"] == tiny.digest and data["Assembly"] == "sim1"
    files = {row[0]: row[1:] for row in read["Data set"] if len(row) == 3}
    for key, path in tiny.spec.files().items():
        assert files[key] == [path.name, file_digest(path)]
    versions = dict(read["Versions"])
    assert versions["torch"] == version("torch") and versions["seq2exp"] == version("seq2exp")
    assert "2025-03-09" in page
    assert "<code>seq2exp report &#x27;A &amp; B&#x27;</code>" in page


def test_the_same_result_gives_the_same_page(page, results, tiny):
    again = report(results[0], tiny, options=SMALL, day=DAY, command="seq2exp report 'A & B'")
    assert again == page


def test_texts_of_others_are_escaped(page, results, tiny):
    assert "Tiny &lt;random&gt;" in page and "<random>" not in page
    evil = "</td><script>alert(1)</script>"
    window = replace(results[0].window, notes=(evil,), contact_source=evil)
    gene = replace(results[0].gene, name=evil)
    bad = replace(results[0], window=replace(window, gene=gene), peaks_source=evil)
    text = report(bad, tiny, options=SMALL, day=DAY)
    assert "<script" not in text
    tree = parsed(text)
    assert evil in "".join(tree.find(f".//{X}title").itertext())


def test_simulated_data_and_a_foreign_model_are_said(page, results, tiny):
    said = foreign_data(results[0].model.card, simulated=False)
    assert 'class="simulated">Simulated data' in page and said and said not in page
    assert results[0].notes(simulated=False)[0] == said


def test_a_gene_without_elements_or_peaks(results, tiny):
    bare = replace(results[0], elements=(), peaks=None, peaks_source="")
    text = report(bare, tiny, options=SMALL, day=DAY)
    read = tables(parsed(text))
    assert "No element passes the rule" in text
    assert dict(read["Parameters"])["Peaks"] == "not called"
    assert not any(row[0] == "Peak ratio" for row in read["Readout"])


def test_the_day_is_today_where_none_is_given(results, tiny):
    before = date.today()
    text = report(results[0], tiny, options=SMALL)
    assert any(day.isoformat() in text for day in (before, date.today()))


def test_the_figure_may_show_more_than_the_result(results, tiny):
    own = UserTrack("My peaks", intervals=results[0].peaks)
    scene = replace(scene_of(results[0], tiny), user_tracks=[own])
    settings = ViewSettings(tracks={"evidence": TrackSettings(visible=False)})
    text = report(results[0], tiny, scene=scene, settings=settings, day=DAY)
    assert "My peaks" in text and "track-evidence" not in text
    assert "track-evidence" in report(results[0], tiny, day=DAY)


def test_edited_inputs_are_said_and_shown(results, tiny):
    window = results[0].window.interval
    edit = Edit(
        Interval(window.chrom, window.start + 900, window.start + 5_000), "flatten", "DNase"
    )
    text = report(replace(results[0], edits=(edit,)), tiny, day=DAY)
    notes = results[0].notes(True)
    assert replace(results[0], edits=(edit,)).notes(True)[1:] == notes
    assert f"The model read edited inputs, not the measured ones: {edit.describe()}." in text
    assert "track-edits" in text
