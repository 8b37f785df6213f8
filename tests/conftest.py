"""What all tests share: the corpora, the counts, and the table of figures."""

import importlib.util
import io
import os
import subprocess
from pathlib import Path

import hypothesis
import pytest
from PIL import Image

from uploadsvc.storage.datadir import DataDir

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("TESTS_SHARED", ROOT.parent / "shared"))

# A deadline for each example would measure the machine.
hypothesis.settings.register_profile("uploadsvc", deadline=None)
hypothesis.settings.load_profile("uploadsvc")

FIGURES: list[tuple[str, str, str]] = []


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="full counts, and the table of figures")


@pytest.fixture(scope="session")
def many(request):
    """`many(20, 200)` is 20, or 200 in a run with full counts."""
    full = request.config.getoption("--full")
    return lambda small, large: large if full else small


@pytest.fixture(scope="session")
def some(request):
    """`some(files, 10)` is every tenth, or all of them in a run with full counts."""
    full = request.config.getoption("--full")
    return lambda things, step: list(things) if full else list(things)[::step]


@pytest.fixture(scope="session")
def figure():
    """`figure(what, goal, reached)` adds a row to the table that the run ends with."""
    return lambda what, goal, reached: FIGURES.append((what, goal, str(reached)))


@pytest.fixture(scope="session")
def corpus():
    """`corpus("pictures")` is that folder of the shared corpora; skips where they are not."""

    def folder(name):
        path = SHARED / "corpus" / name
        if not path.exists():
            pytest.skip(f"the shared corpus {name!r} is not beside the project")
        return path

    return folder


@pytest.fixture(scope="session")
def phone():
    """The phone's client as a module, byte for byte what it sends; skips where it is not."""
    path = SHARED / "components" / "cordova_client.py"
    if not path.exists():
        pytest.skip("the phone's client is not beside the project")
    spec = importlib.util.spec_from_file_location("cordova_client", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def program():
    """`program("node")` is where it is installed; skips, saying so, where it is not."""

    def find(name):
        found = subprocess.run(
            ["sh", "-c", f"PATH=$PATH:/usr/sbin command -v {name}"], capture_output=True, text=True
        ).stdout.strip()
        if not found:
            pytest.skip(f"{name} is not installed (make test installs it where it may)")
        return found

    return find


@pytest.fixture
def data(tmp_path):
    """A folder of the service, made ready and empty."""
    data = DataDir(tmp_path / "data")
    data.prepare(dir_mode=0o755)
    return data


@pytest.fixture(scope="session")
def picture():
    """A small picture, as the bytes of a PNG."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((120, 80)).convert("RGB").save(file, "PNG")
    return file.getvalue()


def pytest_terminal_summary(terminalreporter):
    if not FIGURES:
        return
    terminalreporter.write_sep("=", "figures")
    terminalreporter.write_line("| what | goal | reached |")
    terminalreporter.write_line("|---|---|---|")
    for row in FIGURES:
        terminalreporter.write_line("| " + " | ".join(row) + " |")
