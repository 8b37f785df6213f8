"""What a stop of the service does to resumable uploads that are under way."""

import signal
import threading

import pytest

from clients import fetch
from servers import running_service
from tus_by_hand import create, go_on, offset, patching, some_bytes
from waiting import eventually

pytestmark = pytest.mark.live

DATA = some_bytes("stopped", 200_000, 300_000)


def test_what_has_come_when_the_service_is_stopped_is_counted(tmp_path):
    with running_service(tmp_path, disk_floor=0, stop_grace="2s") as service:
        upload = create(f"{service.url}/files/", len(DATA))
        with patching(upload, len(DATA)) as slow:
            slow.sendall(DATA[:5000])
            assert eventually(lambda: fetch(f"{upload}/info").json["complete"] is False)
            service.process.send_signal(signal.SIGTERM)
            slow.sendall(DATA[5000:9000])
            told = slow.recv(1 << 16)
        assert service.process.wait(timeout=20) == 0
    with running_service(tmp_path, disk_floor=0) as again:
        upload = upload.replace(service.url, again.url)

        assert told.startswith(b"HTTP/1.1 409 ")
        assert offset(upload) == 9000
        assert go_on(upload, DATA) == 0
        assert fetch(upload).body == DATA


def test_an_upload_that_ends_in_time_is_not_disturbed_by_a_stop(tmp_path):
    with running_service(tmp_path, disk_floor=0, stop_grace="20s") as service:
        upload = create(f"{service.url}/files/", len(DATA))
        with patching(upload, len(DATA)) as slow:
            slow.sendall(DATA[:5000])
            service.process.send_signal(signal.SIGTERM)
            # A little later, when the service has stopped to take new ones.
            later = threading.Timer(0.3, slow.sendall, args=(DATA[5000:],))
            later.start()
            told = slow.recv(1 << 16)
            later.join()

        assert told.startswith(b"HTTP/1.1 204 ")
