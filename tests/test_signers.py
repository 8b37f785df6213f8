"""What links to delete are signed with: the operator's keys, or the service's own secret."""

import stat
from urllib.parse import urlsplit

import pytest
from webtest import TestApp

from clients import file_form
from uploadsvc import Settings, make_app, make_delete, make_images, make_sendfile
from uploadsvc.errors import BadSettings

OLD, NEW = "the key that signed until today..", "the key that signs from today on"


@pytest.fixture
def settings(tmp_path):
    return lambda **more: Settings(data_dir=tmp_path / "data", disk_floor=0, decoders=1, **more)


def upload(app):
    """Upload, and return the path and query to delete the file by."""
    content_type, body = file_form(b"data")
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    answer = TestApp(app, extra_environ={"SCRIPT_NAME": "/x"}).post("", body, headers=headers)
    told = urlsplit(answer.json["delete"])
    return f"{told.path}?{told.query}"


def delete(app, path, status):
    TestApp(app).delete(path, status=status)


def test_without_keys_a_secret_is_made_which_a_restart_and_other_processes_share(settings):
    path = upload(make_sendfile(settings()))
    secret = settings().data_dir / "secret"
    before = secret.read_bytes()

    delete(make_app(settings()), path, 204)
    assert secret.read_bytes() == before
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_another_installation_has_another_secret(settings, tmp_path):
    path = upload(make_sendfile(settings()))

    delete(make_app(Settings(data_dir=tmp_path / "other", disk_floor=0)), path, 403)
    delete(make_app(settings()), path, 204)


def test_a_program_with_pictures_by_id_needs_no_secret(settings):
    """It may run as another user, who cannot read it."""
    make_images(settings()).close()
    secret = settings().data_dir / "secret"
    assert not secret.exists()
    secret.mkdir()

    make_images(settings()).close()
    with pytest.raises(BadSettings, match=f"^{secret}: "):
        make_app(settings())


def test_with_keys_no_secret_is_made_and_each_of_them_is_good(settings):
    first = upload(make_sendfile(settings(signing_keys=[OLD])))
    second = upload(make_sendfile(settings(signing_keys=[OLD])))
    assert not (settings().data_dir / "secret").exists()

    delete(make_app(settings(signing_keys=[NEW, OLD])), first, 204)
    delete(make_app(settings(signing_keys=[NEW])), second, 403)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, b"k" * 43])
def test_a_bad_secret_stops_the_start_and_is_named(settings, content):
    make_app(settings())
    secret = settings().data_dir / "secret"
    secret.write_bytes(content)

    with pytest.raises(BadSettings, match=f"^{secret}: "):
        make_app(settings())
    assert secret.read_bytes() == content
    make_app(settings(signing_keys=[NEW]))


@pytest.mark.parametrize("key", ["", "short", "k" * 40, "changeme-changeme-changeme-changeme-1"])
def test_a_bad_key_stops_the_start(settings, key):
    with pytest.raises(BadSettings, match=r"^signing_keys: "):
        make_app(settings(signing_keys=[key]))


def test_the_endpoint_alone_answers_wherever_it_is_mounted(settings):
    path = upload(make_sendfile(settings()))

    delete(make_delete(settings()), path.removeprefix("/delete"), 204)
    delete(make_delete(settings()), path.removeprefix("/delete"), 404)


def test_storage_cannot_lie_where_files_are_deleted(settings):
    with pytest.raises(BadSettings, match="storage_path"):
        make_app(settings(storage_path="/delete"))
