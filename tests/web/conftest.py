"""An endpoint as its clients see it."""

from datetime import timedelta

import pytest
from webtest import TestApp

from uploadsvc.links import Links
from uploadsvc.storage.memory import MemoryStorage
from uploadsvc.web.dispatch import mount
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.files import files
from uploadsvc.web.proxies import behind_proxies
from uploadsvc.web.sendfile import sendfile

STORAGE_PATH = "/uploadfile/wsgi/Storage"
LIMIT = 100_000


@pytest.fixture
def storage():
    return MemoryStorage()


@pytest.fixture
def client(storage):
    """`/sendfile` and the stored files, on memory."""
    endpoints = {
        "/sendfile": sendfile(
            storage,
            links=Links(storage_path=STORAGE_PATH),
            max_upload=LIMIT,
            keep=timedelta(days=1),
        ),
    }
    stored = {STORAGE_PATH: files(storage, keep=timedelta(days=1))}
    return TestApp(answer_errors(behind_proxies(mount(endpoints, below=stored))))
