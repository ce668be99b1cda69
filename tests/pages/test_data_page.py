"""The Data page: what is loaded, and a cell type of one's own from its files to the Browser."""

import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from pages.parts import resources
from seq2exp.datasets.adding import Store
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import make_demo

pytestmark = pytest.mark.usefixtures("quick")
PAGE = "pages/data.py"
EXAMPLE = Path(__file__).resolve().parents[2] / "data" / "datasets" / "k562_chr22.yaml"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_demo(tmp_path_factory.mktemp("data-page") / "tiny", "tiny").parent


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch) -> None:
    """What is added in a test is seen by no other."""
    monkeypatch.setenv("SEQ2EXP_DATA", str(tmp_path / "data"))


@pytest.fixture
def store(tiny) -> Store:
    return Store.of(tiny / "dataset.yaml")


@pytest.fixture
def open_data_page(open_app, tiny):
    """Open a tab of the Data page."""

    def opened(tab: str = "Loaded", *arguments: str):
        command_line = arguments or ("--dataset", str(tiny / "dataset.yaml"))
        return open_app(*command_line, page=PAGE, data=tab).settle()

    return opened


def show(app, tab: str):
    app.at.query_params["data"] = tab
    app.at.session_state["data"] = tab
    return app.settle()


def table(app, name: str):
    """A table by the file name of the buttons below it."""
    keys = [str(button.key) for button in app.at.download_button]
    names = [key.removeprefix("csv-") for key in keys if key.startswith("csv-")]
    return app.at.dataframe[names.index(name)].value


def field(app, name: str):
    """A control of the form, whose key ends with how often the form was emptied."""
    for kind in (app.at.text_input, app.at.selectbox, app.at.file_uploader):
        for control in kind:
            if str(control.key).startswith(f"new-{name}-"):
                return control
    raise AssertionError(name)


def press(app, label: str):
    next(button for button in app.at.button if button.label.startswith(label)).click()
    return app.settle()


def fill(app, **values: object):
    """Write into the form, and check it."""
    for name, value in values.items():
        field(app, name).set_value(str(value))
    return press(app, "Check the files")


def verdict(app) -> str:
    """The headline of the checks."""
    return "\n".join(
        box.value for kind in ("success", "error", "warning") for box in app.at.get(kind)
    )


def said(app) -> str:
    return "\n".join(text.value for text in app.at.markdown)


def test_what_is_loaded_is_what_the_files_hold(open_data_page, tiny):
    app = open_data_page()
    assert app.errors() == [] and app.warnings() == []
    dataset = Dataset.load(tiny / "dataset.yaml")
    numbers = app.numbers()
    assert numbers["Genes"] == "17" and dataset.digest[:12] in app.captions()
    assert numbers["Chromosomes"] == "1" and numbers["Cell types"] == "2"
    files = table(app, "files")
    assert len(files) == int(numbers["Files"]) == len(dataset.spec.files())
    assert set(files["path"]) == {str(path) for path in dataset.spec.files().values()}
    cells = table(app, "cell-types")
    assert list(cells["cell"]) == list(dataset.cells)
    assert list(cells["measured"]) == [16, 16]
    assert list(table(app, "chromosomes")["length"]) == [403_200]


def test_the_tracks_of_all_cell_types_stand_at_one_gene(open_data_page, tiny):
    app = open_data_page("Tracks at a gene")
    dataset = Dataset.load(tiny / "dataset.yaml")
    assert app.at.selectbox("gene").value == dataset.default_gene
    assert len(app.at.get("plotly_chart")) == 1
    rows = table(app, "preview")
    assert list(rows["cell"].unique()) == list(dataset.cells) and len(rows) == 6
    app.open("NOSUCHGENE").run()
    (message,) = app.errors()
    assert "NOSUCHGENE" in message


def test_a_cell_type_goes_from_paths_to_the_browser_and_out_again(
    open_data_page, tiny, store, tiny_models
):
    app = open_data_page("Add a cell type")
    signal = tiny / "signal"
    files = {
        "name": "mine",
        "dnase": signal / "sim-lymphoid.DNase.bw",
        "h3k27ac": signal / "sim-lymphoid.H3K27ac.bw",
        "contact": tiny / "contact" / "sim-lymphoid.hic",
        "expression": tiny / "expression" / "sim-lymphoid.tsv",
    }
    app = fill(app, **files)
    app = show(show(app, "Tracks at a gene"), "Add a cell type")
    assert field(app, "name").value == "mine"  # the form outlives a look at another tab
    app.at.switch_page("pages/models.py")
    app.settle()
    app.at.switch_page(PAGE)
    app = show(app, "Add a cell type")  # and a look at another page
    assert {name: field(app, name).value for name in files} == {k: str(v) for k, v in files.items()}
    assert "has changed since" not in app.captions()
    # The columns are found, but nobody can tell a unit.
    assert "mine cannot be added yet" in verdict(app) and "not stated" in said(app)
    assert field(app, "gene").value == "gene_id" and field(app, "value").value == "CAGE_count"
    field(app, "unit").set_value("CAGE")
    assert "form has changed since the checks" in app.run().captions()
    app = press(app, "Check the files")
    assert "mine can be added" in verdict(app) and "has changed since" not in app.captions()
    assert len(app.at.get("plotly_chart")) == 1
    checks = table(app, "checks-mine")
    assert set(checks["verdict"]) <= {"pass", "note"}
    assert not store.path.exists()
    app = press(app, "Add mine")
    assert "mine was added" in verdict(app)
    assert yaml.safe_load(store.path.read_text())["cells"].keys() == {"mine"}
    assert field(app, "name").value == "" and "Check the files" in labels(app)
    app = show(app, "Loaded")
    assert list(table(app, "cell-types")["from"]) == ["data set", "data set", "added"]

    app.at.switch_page("pages/browser.py")
    app.at.session_state["cell"] = "mine"
    app.run()
    assert app.errors() == [] and "mine" in app.at.selectbox("cell").options
    assert float(app.numbers()["Measured"]) > 0

    app.at.switch_page(PAGE)
    app.run()
    app = press(show(app, "Add a cell type"), "Remove mine")
    assert "mine was removed" in verdict(app) and not store.path.exists()
    # What was made of the files went with it; the same files can be added again.
    app = fill(app, **files)
    app = press(fill(app, unit="CAGE"), "Add mine")
    # The Browser may have stood at a locus.
    app.at.session_state["gene"] = "simX1:150,000-160,000"
    next(button for button in app.at.button if button.label.startswith("Open mine")).click()
    app.run()
    assert app.errors() == [] and app.at.selectbox("cell").value == "mine"
    assert app.at.selectbox("gene").value == "simX1:150,000-160,000"
    app.at.switch_page(PAGE)
    app = press(show(app.run(), "Add a cell type"), "Remove mine")
    assert app.errors() == [] and not store.path.exists()
    app.at.switch_page("pages/browser.py")
    app.run()
    assert app.at.selectbox("cell").options == ["sim-erythroid", "sim-lymphoid"]


def labels(app) -> list[str]:
    return [button.label for button in app.at.button]


def test_another_session_that_shows_a_removed_cell_type_goes_on(open_app, tiny, store):
    spec = Dataset.load(tiny / "dataset.yaml").spec.cells["sim-lymphoid"]
    store.add(replace(spec, name="mine"))
    app = open_app("--dataset", str(tiny / "dataset.yaml"), cell="mine")
    assert app.at.selectbox("cell").value == "mine" and app.errors() == []
    store.remove("mine")
    app.run()
    assert app.errors() == [] and app.at.selectbox("cell").value == "sim-erythroid"


def test_wrong_files_are_each_named_and_nothing_is_added(open_data_page, tiny, store, tmp_path):
    page = tmp_path / "page.bw"
    page.write_text("<html></html>")
    app = fill(
        open_data_page("Add a cell type"),
        name="sim-lymphoid",
        dnase=page,
        contact="relative.hic",
    )
    assert "cannot be added yet" in verdict(app) and "Add sim" not in "".join(labels(app))
    checks = table(app, "checks-sim-lymphoid")
    failed = checks[checks["verdict"] == "fail"].set_index("file")["found"]
    assert "web page" in failed["DNase signal"] and "missing" in failed["H3K27ac signal"]
    assert "already" in failed["Cell type"] and "root folder" in failed["Hi-C contact map"]
    assert not store.path.exists()
    app = press(app, "Clear the form")
    assert field(app, "dnase").value == "" and "Checks of" not in said(app)


@pytest.fixture
def site(tiny):
    """A web server of the tiny data set's folder."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, directory=str(tiny), **options)

        def log_message(self, *arguments) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_files_come_from_the_web_and_by_upload(open_data_page, tiny, store, site):
    app = open_data_page("Add a cell type")
    content = (tiny / "signal" / "sim-lymphoid.H3K27ac.bw").read_bytes()
    field(app, "upload-h3k27ac").upload("mine.bw", content)
    app = fill(app, name="web", dnase=f"{site}/signal/sim-lymphoid.DNase.bw")
    assert "web can be added" in verdict(app) and "power law" in said(app)
    app = press(app, "Add web")
    spec = Dataset.load(store.path).spec.cells["web"]
    for path in (spec.dnase, spec.h3k27ac):
        assert path.is_relative_to(store.files)
    assert spec.h3k27ac.read_bytes() == content
    app = fill(app, name="lost", dnase=f"{site}/nowhere.bw")
    checks = table(app, "checks-lost")
    assert "404" in " ".join(checks["found"])
    # The same form, checked again, asks again.
    late = tiny / "nowhere.bw"
    late.write_bytes(content)
    app = press(app, "Check the files")
    late.unlink()
    assert "404" not in " ".join(table(app, "checks-lost")["found"])


def test_an_added_file_that_is_gone_leaves_the_data_set_open(open_data_page, tiny, store, tmp_path):
    moved = tmp_path / "moved.bw"
    moved.write_bytes((tiny / "signal" / "sim-lymphoid.DNase.bw").read_bytes())
    spec = Dataset.load(tiny / "dataset.yaml").spec.cells["sim-lymphoid"]
    store.add(replace(spec, name="mine", dnase=moved))
    moved.unlink()
    app = open_data_page("Add a cell type")
    (warning,) = app.warnings()
    assert "moved.bw" in warning and "remove the cell type on the Data page" in warning
    app = press(app, "Remove mine")
    assert app.warnings() == [] and not store.path.exists()


def test_the_demos_tracks_are_refused_for_real_data(open_data_page, tiny, real_data):
    folder = real_data / "k562_chr22"
    app = open_data_page("Add a cell type", "--dataset", str(EXAMPLE), "--root", str(folder))
    signal = tiny / "signal"
    app = fill(
        app,
        name="demo",
        dnase=signal / "sim-lymphoid.DNase.bw",
        h3k27ac=signal / "sim-lymphoid.H3K27ac.bw",
    )
    checks = table(app, "checks-demo")
    failed = checks[checks["verdict"] == "fail"]
    assert set(failed["what"]) == {"Assembly"} and len(failed) == 2
    assert failed["found"].str.contains("shares no chromosome").all()
    assert "demo cannot be added yet" in verdict(app)


def test_real_tracks_are_taken_as_a_second_cell_type(open_data_page, real_data):
    folder = real_data / "k562_chr22"
    app = open_data_page("Add a cell type", "--dataset", str(EXAMPLE), "--root", str(folder))
    app = fill(
        app,
        name="K562-2",
        dnase=folder / "K562.DNase.bw",
        h3k27ac=folder / "K562.H3K27ac.bw",
        contact=folder / "K562.hic",
        peaks=folder / "K562.DNase.macs2.narrowPeak",
        expression=folder / "K562.expression.tsv",
    )
    app = fill(app, unit="RNA-seq TPM")
    checks = table(app, "checks-K562-2")
    assert set(checks["verdict"]) <= {"pass", "note", "warn"}
    # The model was trained on CAGE.
    assert list(checks.loc[checks["verdict"] == "warn", "what"]) in ([], ["Unit"])
    app = press(app, "Add K562-2")
    opened = resources.open_dataset(str(EXAMPLE), str(folder))
    assert list(opened.cells) == ["K562", "K562-2"]
    window = opened.window("SYNGR1", "K562-2")
    assert window.contact_source == "Hi-C VC 5 kb"
    assert window.label == opened.window("SYNGR1", "K562").label
