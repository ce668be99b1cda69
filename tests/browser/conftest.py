"""A real server and a real Chromium for the tests of this folder."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def _server(script: Path, log: Path, prefix: str, arguments: tuple[str, ...]) -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true"]
    command += [f"--server.port={port}", f"--server.baseUrlPath={prefix}"]
    command += ["--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
    with log.open("w") as out:
        process = subprocess.Popen([*command, "--", *arguments], stdout=out, stderr=out)
    url = f"http://localhost:{port}/{prefix}".rstrip("/")
    try:
        for _ in range(360):
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.25)
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Start a Streamlit server for a script; return its address."""
    folder = tmp_path_factory.mktemp("server")
    servers = []

    def start(script: Path, *arguments: str, prefix: str = "") -> str:
        server = _server(script, folder / f"log-{len(servers)}", prefix, arguments)
        address = server.__enter__()
        servers.append(server)
        return address

    yield start
    for server in servers:
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def chromium() -> Iterator:
    """Chromium, or a skip that says what is missing."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
