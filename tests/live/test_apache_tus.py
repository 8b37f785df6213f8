"""Resumable uploads under Apache, where the service sees no socket."""

import pytest

from apache import running_apache
from clients import fetch
from tus_by_hand import create, go_on, offset, patch, patching, some_bytes
from waiting import eventually

pytestmark = pytest.mark.live

DATA = some_bytes("apache", 300_000, 400_000)


@pytest.fixture(scope="module")
def apache(program):
    with running_apache(program("apache2"), defined={"THREADS": 16}) as server:
        yield server


def came(apache, upload):
    """How much of an upload the service has written."""
    return (apache.folder / f"data/Uploads/{upload.rpartition('/')[2]}.bytes").stat().st_size


@pytest.fixture
def endpoint(apache):
    return f"{apache.url}/files/"


def test_an_upload_goes_on_where_it_broke_off(apache, endpoint):
    upload = create(endpoint, len(DATA))
    with patching(upload, len(DATA)) as cut:
        cut.sendall(DATA[:200_000])
        assert eventually(lambda: came(apache, upload) >= 65_536)

    assert 65_536 <= offset(upload) <= 200_000
    assert go_on(upload, DATA) == 0
    assert fetch(upload).body == DATA
    assert fetch(f"{upload}/info").json["size"] == len(DATA)


def test_a_wrong_offset_is_told_the_right_one(endpoint):
    upload = create(endpoint, len(DATA))
    assert patch(upload, DATA[:1000], 0).status == 204
    refused = patch(upload, DATA[:1000], 0)

    assert refused.status == 409
    assert refused.headers["Upload-Offset"] == "1000"


def test_a_holder_lets_go_with_the_next_bytes_that_come(endpoint):
    upload = create(endpoint, len(DATA))
    with patching(upload, len(DATA)) as holder:
        holder.sendall(DATA[:1000])
        # It waits in Apache's own reading, where nobody can end it.
        assert fetch(upload, method="HEAD", headers={"Tus-Resumable": "1.0.0"}).status == 423
        holder.sendall(DATA[1000:200_000])

        assert offset(upload) >= 65_536
        assert go_on(upload, DATA) == 0
    assert fetch(upload).body == DATA
