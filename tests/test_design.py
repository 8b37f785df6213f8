"""The document on the design says what is so: layers and dependencies."""

import re
import tomllib

from documents import ROOT, read, rows, section

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_module_has_its_place_among_the_layers_in_the_document():
    [contract] = [
        each for each in PROJECT["tool"]["importlinter"]["contracts"] if each["type"] == "layers"
    ]
    modules = set(re.findall(r"\w+", " ".join(contract["layers"]))) - {"__main__"}
    documented = section(read("docs/design.md"), "## Layers")
    named = set(re.findall(r"`(\w+)`", " ".join(row[1] for row in rows(documented))))

    assert named == modules


def test_every_dependency_is_explained_and_nothing_else_is():
    documented = rows(section(read("docs/design.md"), "## What we stand on"))
    project = PROJECT["project"]
    needed = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.match(r"[\w-]+", each)[0] for listed in needed for each in listed}

    assert sorted(row[0] for row in documented) == sorted(names)
