"""The Data page in a real Chromium: one's own cell type from its files to the Browser and out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seq2exp.bench.chromium import Driver
from seq2exp.datasets.simulate import make_demo
from seq2exp.model import registry
from seq2exp.model.checkpoint import save_model

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_demo(tmp_path_factory.mktemp("walk") / "tiny", "tiny").parent


@pytest.fixture(scope="module")
def address(serve, tiny, tmp_path_factory) -> Iterator[str]:
    models, kept = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("kept")
    torch.manual_seed(5)
    model = registry.make("seq2exp-soft", "tiny", {"prior_mean": 0.1})
    card = {"model": "seq2exp-soft", "title": "Tiny", "cells": ["sim-lymphoid"]}
    card["dataset"] = {"name": "Elsewhere", "digest": "0" * 64, "simulated": True}
    save_model(models / "tiny.safetensors", model, card)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(models))
        patch.setenv("SEQ2EXP_DATA", str(kept))
        yield serve(ROOT / "app.py", "--dataset", str(tiny / "dataset.yaml"))


@pytest.fixture
def driver(chromium) -> Iterator[Driver]:
    context = chromium.new_context(viewport={"width": 1280, "height": 1400})
    driver = Driver(context.new_page())
    yield driver
    context.close()
    # Streamlit first looks for its server below the page's own address.
    assert [error for error in driver.errors if "404 (Not Found)" not in error] == []


def idle(driver: Driver) -> None:
    driver.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def write(driver: Driver, label: str, text: str) -> None:
    """Type into a field, which takes the text when it is left."""
    driver.page.get_by_label(label, exact=True).fill(text)
    driver.page.keyboard.press("Tab")
    idle(driver)


def test_a_cell_type_from_its_files_to_the_browser_and_out_again(driver, address, tiny):
    page = driver.page
    page.goto(f"{address}/data")
    page.get_by_role("heading", name="Data", exact=True).wait_for()
    page.get_by_text("One row a file").wait_for()
    page.get_by_role("tab", name="Tracks at a gene").click()
    page.locator(".js-plotly-plot").first.wait_for()
    page.get_by_role("tab", name="Add a cell type").click()
    page.get_by_role("button", name="Check the files").wait_for()
    idle(driver)

    # By keyboard: a path, and a button that is pressed with the space bar.
    write(driver, "Name of the cell type", "mine")
    signal = tiny / "signal"
    write(driver, "DNase signal", str(signal / "sim-lymphoid.DNase.bw"))
    page.locator("input[type=file]").nth(1).set_input_files(signal / "sim-lymphoid.H3K27ac.bw")
    page.get_by_placeholder("the file uploaded here").wait_for()
    idle(driver)
    page.get_by_role("button", name="Check the files").focus()
    page.keyboard.press("Space")
    page.get_by_text("mine can be added").wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    assert "hardly any contact" in page.locator("[data-testid=stMain]").inner_text()

    page.get_by_role("button", name="Add mine").click()
    page.get_by_role("button", name="Open mine in the Browser").click()
    page.locator(".s2e-plot .main-svg").first.wait_for()
    cell = page.get_by_role("combobox", name="Cell type")
    driver.until(lambda: cell.input_value() == "mine")
    assert "cell=mine" in page.url

    page.get_by_role("link", name="Data").click()
    page.get_by_role("tab", name="Add a cell type").click()
    page.get_by_role("button", name="Remove", exact=False).first.click()
    page.get_by_role("button", name="Remove mine").click()
    page.get_by_text("mine was removed").wait_for()
    page.get_by_role("link", name="Browser").click()
    page.locator(".s2e-plot .main-svg").first.wait_for()
    driver.until(lambda: cell.input_value() == "sim-erythroid")
