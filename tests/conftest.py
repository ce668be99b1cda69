"""Fixtures that every test folder shares."""

import os
from pathlib import Path

import pytest

REAL_DATA = Path(
    os.environ.get("SEQ2EXP_REAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "real")
)


if "PYTEST_XDIST_WORKER" in os.environ:  # before anything imports torch or numpy
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, share)))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real K562 data; it is read in place and never part of the project."""
    if not (REAL_DATA / "k562_chr22").is_dir():
        pytest.skip(f"no real data at {REAL_DATA}; set SEQ2EXP_REAL_DATA to test with it")
    return REAL_DATA


@pytest.fixture(scope="session", autouse=True)
def _cache_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the run away from the user's data, and from the cache unless one is asked for."""
    run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent  # so that the demo and the kernels are made once for all processes
    os.environ.setdefault("SEQ2EXP_CACHE", str(run / "cache"))
    os.environ["SEQ2EXP_DATA"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def demo(_cache_of_this_run: None) -> Path:
    """The ``dataset.yaml`` of the embedded demo data set, made once a run (about 10 s)."""
    from seq2exp.datasets.simulate import demo_dataset

    return demo_dataset()
