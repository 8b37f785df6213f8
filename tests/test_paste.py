"""The Paste factories: what an ini file says is what is built, and what is wrong is named."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from paste.deploy import loadapp
from webtest import TestApp

from clients import file_form
from uploadsvc.errors import BadSettings
from uploadsvc.paste import make_app, make_filter, make_filtered_app
from watching import KEY, Inner, call, environ_of

OTHER_KEY = "kMd0zW7nQv3xT9pLr2yBc5hGf8sJ1aEu"
MIB = 1 << 20

INI = """
    [app:server]
    use = egg:uploadsvc
    directory = %(here)s/uploads
    max_size = 1
    upload_key = {key}

    [filter:watched]
    use = egg:uploadsvc
    directory = %(here)s/uploads
    upload_url = http://up.example
    upload_key = {key}

    [app:site]
    paste.app_factory = test_paste:site

    [pipeline:page]
    pipeline = watched site

    [filter:taking]
    use = egg:uploadsvc#filter_app
    directory = %(here)s/uploads
    max_size = 1

    [pipeline:alone]
    pipeline = taking site

    [app:wrapped]
    paste.app_factory = test_paste:site
    filter-with = taking
"""


def site(global_conf, **settings):
    """The application of a site, as Paste makes it."""
    return Inner()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """`load("name")` is that part of the ini file, loaded by PasteDeploy, as a client of it."""
    monkeypatch.setitem(sys.modules, "test_paste", sys.modules[__name__])
    path = tmp_path / "site.ini"
    path.write_text(textwrap.dedent(INI.format(key=f"{KEY}, {OTHER_KEY}")))
    return lambda name: TestApp(loadapp(f"config:{path}", name=name))


def post(client, identifier, data=b"pixels", *, status=None):
    kind, body = file_form(data)
    return client.post(
        f"/upload?X-Progress-ID={identifier}", body, headers={"Content-Type": kind}, status=status
    )


def test_the_application_is_an_upload_server_by_itself(load):
    server = load("server")
    refused = post(server, "unsigned", status=400)

    assert "identifier" in refused.text
    assert server.get("/", status=404).text == "nothing was uploaded\n"


def test_the_page_makes_identifiers_and_the_server_takes_the_uploads(load, tmp_path):
    page, server = load("page"), load("server")
    uploads = page.get("/").request.environ["uploadsvc.manager"]
    identifier = uploads.create_identifier()
    answer = post(server, identifier)
    status = server.get(f"/upload/status?X-Progress-ID={identifier}").json
    post(page, identifier)

    assert f'data-upload-identifier="{identifier}"' in answer.text
    assert uploads.upload_url == "http://up.example/upload"
    assert status["state"] == "done"
    assert uploads.access_upload_bucket(identifier).get_status() == status
    assert Path(uploads.access_upload_bucket(identifier).get_filename()).parent == (
        tmp_path / "uploads"
    )


@pytest.mark.parametrize("name", ["alone", "wrapped"])
def test_filters_of_both_kinds_take_uploads_for_an_application(load, name):
    client = load(name)
    answer = post(client, "made-up-by-the-page").json

    assert answer["type"] == "application/json"
    assert '"state": "done"' in answer["body"]


@pytest.mark.parametrize("size", [MIB, MIB + 1])
def test_max_size_is_in_mebibytes_of_the_whole_request(load, size):
    _, body = file_form(b"")
    data = b"x" * (size - len(body))

    post(load("alone"), "id", data, status=200 if size == MIB else 413)


def wrap(**settings):
    return make_filter({}, **settings)(Inner())


def takes(tmp_path, content_length, **settings):
    """Whether an upload of so many bytes is begun to be read."""
    environ = environ_of((file_form(b"")[0], b""), CONTENT_LENGTH=str(content_length))
    status, _ = call(wrap(directory=str(tmp_path), **settings), environ)
    return not status.startswith("413")


@pytest.mark.parametrize("max_size", [{}] + [{"max_size": text} for text in ("", "0", "none")])
def test_without_a_max_size_there_is_no_limit(tmp_path, max_size):
    assert takes(tmp_path, 1 << 50, **max_size)


def test_max_size_counts_in_mebibytes(tmp_path):
    assert takes(tmp_path, 20 * MIB, max_size=" 20 ")
    assert not takes(tmp_path, 20 * MIB + 1, max_size="20")


@pytest.mark.parametrize(
    ("upload_url", "meant"),
    [
        ("http://up.example", "http://up.example/upload"),
        ("http://up.example/", "http://up.example/upload"),
        ("http://up.example/upload", "http://up.example/upload"),
        ("http://up.example/upload/", "http://up.example/upload"),
        ("https://up.example:8443/a/b", "https://up.example:8443/a/b/upload"),
        ("/a", "/a/upload"),
        ("/", "/upload"),
        ("http://up.example/my-upload", "http://up.example/my-upload/upload"),
        (" ", None),
    ],
)
def test_upload_url_always_ends_in_upload(tmp_path, upload_url, meant):
    client = TestApp(wrap(directory=str(tmp_path), upload_url=upload_url))
    uploads = client.get("/").request.environ["uploadsvc.manager"]

    assert uploads.upload_url == meant


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n", " ,\n "])
def test_several_keys_stand_between_spaces_or_commas_and_the_first_signs(tmp_path, between):
    def uploads(key):
        client = TestApp(wrap(directory=str(tmp_path), upload_key=key))
        return client.get("/").request.environ["uploadsvc.manager"]

    both = uploads(f"{KEY}{between}{OTHER_KEY}\n")

    assert both.verify_identifier(uploads(OTHER_KEY).create_identifier())
    assert uploads(KEY).verify_identifier(both.create_identifier())


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("directory", ""),
        ("directory", "/dev/null"),
        ("directory", "/nowhere/at/all"),
        ("max_size", "-1"),
        ("max_size", "1.5"),
        ("max_size", "10MB"),
        ("max_size", "²"),
        ("upload_url", "up.example/upload"),
        ("upload_url", "ftp://up.example"),
        ("upload_url", "http://up.example/?a"),
        ("upload_url", "javascript:alert(1)"),
        ("upload_url", 'http://up.example/"'),
        ("upload_key", ""),
        ("upload_key", " , "),
        ("upload_key", "short"),
        ("upload_key", f"{KEY} short"),
        ("upload_key", "changeme" * 4),
        ("upload_keys", KEY),
        ("max-size", "1"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named(tmp_path, setting, text):
    settings = {"directory": str(tmp_path)} | {setting: text}
    for factory in (make_app, make_filter, lambda *a, **s: make_filtered_app(Inner(), *a, **s)):
        with pytest.raises(BadSettings, match=f"^{re.escape(setting)}\\b"):
            factory({}, **settings)


def test_a_folder_must_be_named():
    with pytest.raises(BadSettings, match=r"^directory\b"):
        make_app({})


def test_what_paste_says_of_the_whole_file_is_no_setting(tmp_path):
    make_app({"here": str(tmp_path), "debug": "true"}, directory=str(tmp_path / "made"))

    assert (tmp_path / "made").is_dir()


def test_the_factories_need_nothing_of_paste():
    code = (
        "import sys; import uploadsvc.paste; "
        "print([name for name in sys.modules if name.startswith('paste.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
