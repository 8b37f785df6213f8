"""The line that is logged of each request."""

import logging
from datetime import timedelta
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from uploadsvc.requestlog import request_logger

PATH = "/uploadfile/wsgi/Storage"


@pytest.fixture
def logger():
    made = request_logger(PATH)(Config())
    yield made
    for each in (made.error_log, made.access_log):
        each.handlers.clear()


def environ(**more):
    return {"REMOTE_ADDR": "192.0.2.1", "REQUEST_METHOD": "GET", "SCRIPT_NAME": PATH} | more


def test_it_tells_who_what_and_how_much_but_no_folder_and_no_query(logger):
    sent = SimpleNamespace(file_bytes=5_000)
    told = environ(PATH_INFO="/QgBmmQxG/a.jpg", QUERY_STRING="secret", **{"gunicorn.socket": sent})
    line = logger.line(SimpleNamespace(status_code=200, sent=7), told, timedelta(seconds=2))

    assert (line.client, line.method, line.path) == ("192.0.2.1", "GET", f"{PATH}/QgB…")
    assert (line.status, line.bytes, line.seconds, line.code) == (200, 5_007, 2, "-")


def test_it_is_written_when_a_request_was_answered(logger, caplog):
    caplog.set_level(logging.INFO, logger="uploadsvc.requests")
    logger.access(SimpleNamespace(status_code=404, sent=7), None, {}, timedelta(0))
    assert caplog.records == [], "what was no request has its line elsewhere"
    told = environ(PATH_INFO="/x", REQUEST_METHOD="GE\nT", **{"uploadsvc.error": "missing"})
    logger.access(SimpleNamespace(status_code=404, sent=7), None, told, timedelta(0))

    [record] = caplog.records
    assert record.getMessage().split()[1:] == [
        *("192.0.2.1", "GE?T", f"{PATH}/x…", "404", "7", "0.000", "missing")
    ]
