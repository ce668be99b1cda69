"""The IGV session: what it names is there, and relative."""

import xml.etree.ElementTree as ElementTree

import pytest

from seq2exp.export.hub import write_hub
from seq2exp.export.igv import IgvTrack, igv_session

TRACKS = [
    IgvTrack("hg38/a.bb", "A & <B>", "0,158,115"),
    IgvTrack("hg38/a.mask.bw", "mask", "213,94,0", (0.0, 1.0), 60),
]


def read(text):
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"')
    return ElementTree.fromstring(text.encode())


def test_paths_names_and_ranges():
    session = read(igv_session("hg38", "chr22:1-100", TRACKS))
    assert session.attrib == {"genome": "hg38", "locus": "chr22:1-100", "version": "8"}
    assert [node.get("path") for node in session.iter("Resource")] == [t.path for t in TRACKS]
    first, second = session.iter("Track")
    assert first.get("id") == "hg38/a.bb" and first.get("name") == "A & <B>"
    assert first.get("autoScale") == "true" and first.find("DataRange") is None
    assert second.find("DataRange").get("maximum") == "1"
    assert (second.get("color"), second.get("height")) == ("213,94,0", "60")


@pytest.mark.parametrize("base", ["http://localhost:8000", "http://localhost:8000/"])
def test_whole_addresses_where_it_is_served(base):
    session = read(igv_session("sim1/sim1.fa", "a:1-2", TRACKS, base))
    assert session.get("genome") == "http://localhost:8000/sim1/sim1.fa"
    ids = [node.get("id") for node in session.iter("Track")]
    assert ids == [node.get("path") for node in session.iter("Resource")]
    assert ids[0] == "http://localhost:8000/hg38/a.bb"
    assert read(igv_session("hg38", "a:1-2", TRACKS, base)).get("genome") == "hg38"


def test_the_hubs_session_names_its_files(results, tiny, tmp_path):
    hub = write_hub(results[:1], [results[0].gene], tiny, tmp_path / "hub")
    session = read((tmp_path / "hub" / "igv_session.xml").read_text())
    paths = [node.get("path") for node in session.iter("Resource")]
    assert paths == [f"sim1/{track.file}" for track in hub.tracks if track.file]
    for path in [*paths, session.get("genome"), session.get("genome") + ".fai"]:
        assert (tmp_path / "hub" / path).is_file()
    window = results[0].window.interval
    assert session.get("locus") == f"{window.chrom}:{window.start + 1}-{window.end}"
