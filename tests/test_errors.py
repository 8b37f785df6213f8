"""Errors: one family, a code and a status for each."""

import importlib
import pkgutil

import uploadsvc
from uploadsvc.errors import family
from uploadsvc.web.errors import status_of


def test_every_error_has_a_code_of_its_own_and_a_status():
    for module in pkgutil.walk_packages(uploadsvc.__path__, "uploadsvc."):
        if module.name != "uploadsvc.__main__":
            importlib.import_module(module.name)
    kinds = list(family())
    ours = [kind for kind in kinds if "code" in vars(kind)]

    assert len(kinds) > 15
    assert len({kind.code for kind in ours}) == len(ours)
    assert all(400 <= status_of(kind) < 600 for kind in kinds)


def test_what_is_exported_is_there_and_nothing_else():
    assert set(uploadsvc.__all__) == {
        "Images",
        "Settings",
        "UploadsvcError",
        "make_app",
        "make_delete",
        "make_files",
        "make_getpreview",
        "make_images",
        "make_sendfile",
        "make_tus",
        "make_upload",
    }  # fmt: skip
    assert all(getattr(uploadsvc, name) for name in uploadsvc.__all__)
