"""Reload and stop: new settings, and no upload is lost."""

import contextlib
import os
import signal
import time

import pytest

from clients import answer_of, crawling, raw, upload
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.live


def under_way(service):
    return any(service.storage.glob(".partial-*/*"))


@contextlib.contextmanager
def configured(tmp_path, text):
    config = tmp_path / "uploadsvc.toml"
    config.write_text(text)
    with running_service(tmp_path, config=config, disk_floor=0) as service:
        yield service, config


def reload(service, config, text):
    """Have the settings loaded anew; return when another process has taken over."""
    before = set(service.processes())
    config.write_text(text)
    service.process.send_signal(signal.SIGHUP)
    assert eventually(lambda: set(service.processes()) - before)
    assert eventually(lambda: b"200 OK" in raw(service.port, b"GET /healthz HTTP/1.0\r\n\r\n"))


def test_a_reload_loses_no_upload_however_long_it_takes(tmp_path):
    data = b"\0data" * 60_000
    grace = 1
    with configured(tmp_path, f"stop_grace = {grace}\n") as (service, config):
        with crawling(service.port, sent=100_000, size=len(data)) as (client, rest):
            assert eventually(lambda: under_way(service))
            reload(service, config, f'stop_grace = {grace}\nmax_upload = "1kB"\n')
            began = time.monotonic()
            assert eventually(lambda: time.monotonic() > began + 2 * grace)
            refused = upload(service.url, data)
            client.sendall(rest)
            answer = answer_of(client)

        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert refused.status == 413, "the new settings count for new uploads"
        [stored] = service.storage.glob("*/*")
        assert stored.stat().st_size == len(data)
        assert eventually(lambda: len(service.processes()) == 2), "the first has ended"


def test_no_request_is_lost_while_the_settings_are_loaded_anew_again_and_again(tmp_path, many):
    with configured(tmp_path, "") as (service, config):
        statuses = []
        for number in range(many(3, 20)):
            reload(service, config, f'keep = "{number + 1}h"\n')
            statuses += [upload(service.url, b"x").status for _ in range(5)]

        assert set(statuses) == {201}


def test_settings_that_are_bad_are_told_and_the_old_ones_stay(tmp_path):
    with configured(tmp_path, 'max_upload = "1kB"\n') as (service, config):
        reload(service, config, "no_such_setting = 1\n")

        assert upload(service.url, b"x" * 2000).status == 413
        assert "no_such_setting" in service.log.read_text()


def workers(service):
    """The processes that answer requests: the children of the first."""
    return service.processes()[1:]


def test_a_worker_that_dies_while_another_one_ends_is_replaced(tmp_path):
    with (
        configured(tmp_path, "") as (service, config),
        crawling(service.port, sent=3000) as (client, rest),
    ):
        assert eventually(lambda: under_way(service))
        [old] = workers(service)
        reload(service, config, 'keep = "2h"\n')
        [new] = [pid for pid in workers(service) if pid != old]
        os.kill(new, signal.SIGKILL)
        answered = upload(service.url, b"x").status
        client.sendall(rest)

        assert answered == 201
        assert answer_of(client).startswith(b"HTTP/1.1 200 OK")


def test_a_stop_right_after_a_reload_takes_no_longer_than_any_other(tmp_path):
    with configured(tmp_path, "stop_grace = 2\n") as (service, config):
        with crawling(service.port, sent=3000):
            assert eventually(lambda: under_way(service))
            reload(service, config, "stop_grace = 2\n")
            began = time.monotonic()
            service.process.terminate()
            service.process.wait(timeout=30)

        assert 1 < time.monotonic() - began < 10


def test_what_happened_to_a_worker_is_in_the_log(tmp_path):
    with configured(tmp_path, "") as (service, _):
        os.kill(workers(service)[0], signal.SIGKILL)
        assert eventually(lambda: "SIGKILL" in service.log.read_text())

        assert "Logging error" not in service.log.read_text()
        assert upload(service.url, b"x").status == 201
