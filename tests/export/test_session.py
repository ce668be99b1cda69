"""Sessions and deep links: whole round trips, and each mistake named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2exp.errors import InputError
from seq2exp.export.session import (
    QUERY,
    Selection,
    Session,
    TrackSetting,
    from_query,
    parse_session,
    read_session,
)
from seq2exp.genome.locus import Interval
from seq2exp.inference.perturb import Edit
from seq2exp.view.tracks import ROW_ORDER

FULL = Session(
    dataset="K562 chr22",
    dataset_digest="abc123",
    gene="SYNGR1",
    cell="K562",
    region=Interval("chr22", 39_250_000, 39_450_000),
    model="demo-soft",
    prior_mean=0.05,
    prior_strength=20.0,
    mode="top",
    threshold=0.4,
    fraction=0.07,
    min_length=100,
    merge_gap=0,
    q=0.01,
    cutoff=12.5,
    tracks=(
        TrackSetting("mask", height=2.5, scale="log1p", limit="p99"),
        TrackSetting("dnase", visible=False, limit=30.0),
        TrackSetting("genes"),
    ),
    selections=(
        Selection("chr22", 39_300_000, 39_300_500, 'my "peak"', "#D55E00", "näher ansehen\n2"),
        Selection("chr22", 0, 1),
    ),
    edits=(
        Edit(Interval("chr22", 39_300_000, 39_300_500), "scale", "DNase", 0.5),
        Edit(Interval("chr22", 39_310_000, 39_310_500), "flatten", "Hi-C"),
        Edit(Interval("chr22", 39_320_000, 39_320_002), "substitute", bases="AC"),
    ),
    highlights=(Interval("chr22", 39_260_000, 39_270_000), Interval("chr22", 0, 1)),
)

unit = st.floats(0.001, 0.999)
sessions = st.builds(
    Session,
    gene=st.text(max_size=8),
    region=st.none()
    | st.builds(
        lambda start, width: Interval("chrX", start, start + width),
        st.integers(0, 10**8),
        st.integers(1, 10**6),
    ),
    prior_mean=st.none() | unit,
    prior_strength=st.none() | st.floats(0.1, 1e4),
    mode=st.sampled_from(["soft", "hard", "top"]),
    threshold=st.floats(0, 1, exclude_min=True, allow_subnormal=False),
    fraction=unit,
    min_length=st.integers(1, 10**5),
    merge_gap=st.integers(0, 10**5),
    q=unit,
    cutoff=st.none() | st.floats(0.01, 1e5),
    tracks=st.lists(
        st.builds(
            TrackSetting,
            key=st.sampled_from(ROW_ORDER),
            visible=st.booleans(),
            height=st.none() | st.floats(0.1, 9),
            scale=st.sampled_from([None, "linear", "log1p"]),
            limit=st.sampled_from([None, "max", "p99", 4.5]),
            color=st.sampled_from([None, "#D55E00"]),
        ),
        max_size=3,
    ).map(tuple),
    selections=st.lists(
        st.builds(
            lambda start, width, name, note: Selection(
                "chr1", start, start + width, name, note=note
            ),
            st.integers(0, 10**8),
            st.integers(1, 10**6),
            st.text(max_size=5),
            st.text(max_size=5),
        ),
        max_size=3,
    ).map(tuple),
    edits=st.lists(
        st.builds(
            lambda start, width, value: Edit(
                Interval("chr1", start, start + width), "paint", "H3K27ac", value
            ),
            st.integers(0, 10**8),
            st.integers(1, 10**6),
            st.floats(0, 1e4),
        ),
        max_size=3,
    ).map(tuple),
    highlights=st.lists(
        st.builds(
            lambda start, width: Interval("chr2", start, start + width),
            st.integers(0, 10**8),
            st.integers(1, 10**6),
        ),
        max_size=2,
    ).map(tuple),
)


@given(sessions)
def test_json_round_trip(session):
    assert parse_session(session.to_json()) == session


@given(sessions)
def test_link_round_trip(session):
    back = from_query(session.to_query())
    for name in QUERY.values():
        ours, theirs = getattr(session, name), getattr(back, name)
        if isinstance(ours, float):
            assert theirs == pytest.approx(ours, rel=1e-11, abs=0)
        elif name == "gene":
            assert theirs == ours.strip()
        else:
            assert theirs == ours


def test_a_file_holds_what_the_view_was(tmp_path):
    path = tmp_path / "view.json"
    path.write_text(FULL.to_json(), encoding="utf-8")
    assert read_session(path, {"chr22": 50_818_468}) == FULL
    content = json.loads(FULL.to_json())
    assert (content["format"], content["version"]) == ("seq2exp-session", 1)
    assert content["region"] == "chr22:39,250,001-39,450,000"
    assert content["highlights"] == ["chr22:39,260,001-39,270,000", "chr22:1-1"]


def test_a_link_says_only_what_is_not_default():
    assert Session().to_query() == {}
    assert FULL.to_query() == {
        "gene": "SYNGR1",
        "cell": "K562",
        "region": "chr22:39,250,001-39,450,000",
        "model": "demo-soft",
        "prior": "0.05",
        "strength": "20",
        "mode": "top",
        "threshold": "0.4",
        "fraction": "0.07",
        "length": "100",
        "gap": "0",
        "q": "0.01",
        "cutoff": "12.5",
    }


def test_a_link_changes_what_it_names_and_nothing_else():
    session = from_query({"gene": "MYC", "prior": "", "utm_source": "mail"}, FULL)
    assert (session.gene, session.prior_mean, session.cell) == ("MYC", 0.05, "K562")


def test_a_region_before_the_first_base_is_written_from_base_1():
    assert Session(region=Interval("chr1", -50, 100)).to_query() == {"region": "chr1:1-100"}
    assert Session(region=Interval("chr1", -50, -10)).to_query() == {}
    marks = (Interval("chr1", -50, 100), Interval("chr1", -50, -10))
    kept = parse_session(Session(highlights=marks).to_json())
    assert kept.highlights == (Interval("chr1", 0, 100),)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"prior": "half"}, "'prior' is 'half'; give a number above 0 and below 1"),
        ({"prior": "1"}, "'prior' is 1.0; give a number above 0 and below 1"),
        ({"prior": "nan"}, "'prior' is nan"),
        ({"strength": "inf"}, "'strength' is inf; give a number above 0"),
        ({"mode": "medium"}, "'mode' is 'medium'; give 'soft' or 'hard' or 'top'"),
        ({"threshold": "1.5"}, "a number above 0 and at most 1"),
        ({"length": "2.5"}, "a whole number of at least 1"),
        ({"region": "chr1:9-2"}, "the link's 'region'"),
        ({"region": "chr1:1-2000"}, "the link's 'region'"),
    ],
)
def test_a_wrong_link_is_explained(parameters, said):
    with pytest.raises(InputError) as error:
        from_query(parameters, lengths={"chr1": 1_000})
    assert said in str(error.value)


def edited(**changes):
    content = json.loads(FULL.to_json())
    for key, value in changes.items():
        target, _, inner = key.partition("__")
        if inner:
            content[target][0][inner] = value
        else:
            content[key] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "its 'format' is not"),
        ("{}", "its 'format' is not"),
        (edited(version=2), "has version 2, this program reads version 1"),
        (edited(version=True), "has version True"),
        (edited(treshold=0.4), "'treshold' is not a key of a session; did you mean 'threshold'?"),
        (edited(threshold="high"), "'threshold' is 'high'; give a number above 0 and at most 1"),
        (edited(threshold=True), "'threshold' is True"),
        (edited(threshold=None), "'threshold' is None"),
        (edited(q=0), "'q' is 0; give a number above 0 and at most 1"),
        (edited(gene=5), "'gene' is 5; give text in quotes"),
        (edited(region="somewhere"), "'region': "),
        (edited(region="chr22:1-60,000,000"), "'region': "),
        (edited(region=7), "'region' is 7"),
        (edited(min_length=0), "a whole number of at least 1"),
        (edited(tracks={}), "'tracks' is not a list"),
        (edited(tracks=["mask"]), "tracks[0] is not an object"),
        (edited(tracks__visible="yes"), "tracks[0] 'visible' is 'yes'; give true or false"),
        (edited(tracks__scale="log"), "'linear' or 'log1p'"),
        (edited(tracks__limit=-1), "'max', 'p99' or a number above 0"),
        (edited(tracks__colour="#000000"), "tracks[0] 'colour' is not a key"),
        (edited(tracks__color="red"), "tracks[0] 'color' is 'red'; give a colour as #RRGGBB"),
        (edited(selections__color="red"), "a colour as #RRGGBB"),
        (edited(selections__start=-1), "a whole number of at least 0"),
        (edited(selections__end=1), "selections[0] ends before it starts"),
        (edited(selections=[{"chrom": "chr1", "start": 1}]), "selections[0] 'end' is missing"),
        (edited(selections__chrom="chr99"), "is on chr99, which this data set lacks"),
        (edited(selections__end=10**9), "beyond the 50,818,468 bp of chr22"),
        (edited(tracks__key="maks"), "names no row of the browser; did you mean 'mask'?"),
        (edited(tracks__height=1e9), "give a number above 0 and at most 1000"),
        (edited(edits=7), "'edits' is not a list"),
        (edited(edits__signal="ATAC"), "edits[0]: The edit 'scale' is of one of"),
        (edited(edits__action="close"), "edits[0]: "),
        (
            edited(edits=[{"action": "close", "chrom": "chr22", "start": 1, "end": 2}]),
            "edits[0] closes the mask",
        ),
        (edited(edits__chrom="chr99"), "edits[0] is on chr99, which this data set lacks"),
        (edited(edits__end=10**9), "beyond the 50,818,468 bp of chr22"),
        (edited(highlights="chr22:1-2"), "'highlights' is not a list"),
        (edited(highlights=["chr22:1-2", 7]), "'highlights[1]' is 7; give text in quotes"),
        (edited(highlights=["chr22:1-60,000,000"]), "'highlights[0]': "),
        ("[" * 200_000, "not JSON"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, text, said):
    path = tmp_path / "view.json"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_session(path, {"chr22": 50_818_468})
    assert said in str(error.value)
    assert "view.json" in str(error.value)


def test_edits_take_the_chromosome_names_of_the_data_set():
    text = edited(edits__chrom="22")
    assert parse_session(text, lengths={"chr22": 50_818_468}) == FULL


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_session(tmp_path / "view.json")
    (tmp_path / "view.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        read_session(tmp_path / "view.json")
