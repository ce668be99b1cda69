"""The app run by Streamlit's own test runner: every widget and message, no browser."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # where the app finds its pages

from pages.parts import resources  # noqa: E402
from seq2exp.model.checkpoint import save_model  # noqa: E402
from seq2exp.model.config import ModelConfig  # noqa: E402
from seq2exp.model.seq2exp import Seq2Exp  # noqa: E402

PATIENCE = 240
"""Seconds for a model that runs on a busy machine."""


class App:
    """The running app, and short words for what stands on its page."""

    def __init__(self, arguments: tuple[str, ...], link: dict[str, str]) -> None:
        self._command_line = ["app.py", *arguments]
        self.at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE)
        for key, value in link.items():
            self.at.query_params[key] = value

    def run(self) -> "App":
        """Run the page once, as Streamlit does after every change."""
        before, sys.argv = sys.argv, self._command_line
        resources.arguments.cache_clear()
        try:
            self.at.run()
        finally:
            sys.argv = before
        assert not self.at.exception, self.at.exception[0]
        return self

    def settle(self) -> "App":
        """Run the page until no job of it runs any more."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.run()
            if not self.at.get("progress"):
                return self
            time.sleep(0.2)
        pytest.fail(f"still busy after {PATIENCE} s: {self.numbers()}")

    def open(self, gene: str) -> "App":
        """Choose a gene of the list, or type what is none."""
        self.at.selectbox("gene").set_value(gene)
        return self

    def numbers(self) -> dict[str, str]:
        """The readout: its titles and values as text."""
        return {metric.label: metric.value for metric in self.at.metric}

    def link(self) -> dict[str, str]:
        """The parameters in the page's address."""
        texts = self.at.query_params
        return {key: v if isinstance(v, str) else "".join(v) for key, v in texts.items()}

    def errors(self) -> list[str]:
        return [box.value for box in self.at.error]

    def warnings(self) -> list[str]:
        return [box.value for box in self.at.warning]

    def captions(self) -> str:
        return "\n".join(caption.value for caption in self.at.caption)

    def table(self, name: str):
        """The table of "elements" or "peaks" as it is shown; None where there is none."""
        for table in self.at.dataframe:
            if str(table.key).startswith(name):
                return table.value
        return None


@pytest.fixture(scope="session", autouse=True)
def _typed_text() -> Iterator[None]:
    """Let the test runner's select boxes hold what was typed, as those on the page do."""

    def state(box: Selectbox) -> WidgetState:
        text = box.value
        return WidgetState(id=box.id, **({} if text is None else {"string_value": text}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Selectbox, "_widget_state", property(state))
        yield


Opener = Callable[..., App]


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small network, for what does not depend on what a network has learnt.

    Its weights are random: the page only has to show what the network says.
    """
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(3)
    model = Seq2Exp(ModelConfig.soft("tiny"))
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if name.endswith("A_log"):
                weights.sub_(9)  # a long memory: the promoter hears of the whole mask
        model.pToExpr[-1].weight.mul_(10_000)  # the third decimal tells two masks apart
    card = {"id": "tiny-soft", "title": "Tiny", "dataset": {"name": "demo", "simulated": True}}
    save_model(folder / "tiny-soft.safetensors", model, card)
    return folder


@pytest.fixture(scope="module")
def quick(tiny_models: Path) -> Iterator[None]:
    """Let the module's tests run the small network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQ2EXP_MODELS", str(tiny_models))
        yield


@pytest.fixture(scope="session")
def open_app(demo: Path) -> Opener:
    """Open the app, by default on the demo data and at the Browser; run it once."""

    def opened(*arguments: str, page: str = "", **link: str) -> App:
        app = App(arguments or ("--dataset", str(demo)), link)
        if page:
            app.at.switch_page(page)
        return app.run()

    return opened
