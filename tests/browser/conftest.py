"""A real server and a real Chromium for the tests of this folder."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from seq2exp.bench.chromium import chromium as started_chromium
from seq2exp.bench.chromium import serve as served
from seq2exp.errors import InputError

# Nothing edits the app's files while it is tested.
OPTIONS = ("--server.fileWatcherType=none",)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Start a Streamlit server for a script; return its address."""
    folder = tmp_path_factory.mktemp("server")
    with ExitStack() as servers:

        def start(script: Path, *arguments: str, prefix: str = "") -> str:
            log = folder / f"log-{script.stem}-{prefix.replace('/', '-')}"
            return servers.enter_context(served(script, log, arguments, OPTIONS, prefix))

        yield start


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """Chromium, or a skip that says what is missing."""
    with ExitStack() as stack:
        try:
            browser = stack.enter_context(started_chromium())
        except InputError as missing:
            pytest.skip(str(missing))
        yield browser
