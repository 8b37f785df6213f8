"""The whole service, and its endpoints alone, as one application."""

import contextlib
import io

import pytest
from PIL import Image
from webtest import TestApp

from clients import file_form
from sized_pictures import jpeg
from uploadsvc import (
    Settings,
    make_app,
    make_files,
    make_getpreview,
    make_images,
    make_sendfile,
)
from uploadsvc.errors import BadSettings


@pytest.fixture
def settings(tmp_path):
    return lambda **more: Settings(data_dir=tmp_path / "data", disk_floor=0, decoders=1, **more)


def upload(client, path="/sendfile", data=b"data", status=201, **options):
    content_type, body = file_form(data)
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    return client.post(path, body, headers=headers, status=status, **options)


def test_a_picture_goes_in_and_its_preview_comes_out(settings):
    file = io.BytesIO()
    Image.new("RGB", (300, 100), (9, 99, 199)).save(file, "PNG")
    client = TestApp(make_app(settings()))
    link = upload(client, data=file.getvalue()).json["link"]
    answer = client.get("/getpreview", {"addr": link, "x": "30", "y": "30"})

    assert Image.open(io.BytesIO(answer.body)).size == (30, 10)
    assert client.get(link).body == file.getvalue()


def test_it_is_well(settings):
    assert TestApp(make_app(settings())).get("/healthz").text == "ok\n"


def test_the_page_is_shown_unless_it_is_switched_off(settings):
    TestApp(make_app(settings())).get("/", status=200)
    TestApp(make_app(settings(page=False))).get("/", status=404)


def test_what_is_not_there_is_404(settings):
    TestApp(make_app(settings())).get("/none", status=404)
    for path in ("/sendfiles", "/sendfile/more", "/getpreview/more", "/healthz/more"):
        TestApp(make_app(settings())).get(path, status=404)


def test_below_a_prefix_the_link_still_stands_at_the_root(settings):
    client = TestApp(make_app(settings()), extra_environ={"SCRIPT_NAME": "/app"})

    assert upload(client).json["link"].startswith("http://localhost/uploadfile/wsgi/Storage/")


def test_each_endpoint_works_alone_wherever_it_is_mounted(settings):
    sendfile = TestApp(make_sendfile(settings()), extra_environ={"SCRIPT_NAME": "/sendfile"})
    files = TestApp(make_files(settings()))
    getpreview = TestApp(make_getpreview(settings()))
    link = upload(sendfile, path="").json["link"]

    assert files.get(link.partition("/Storage")[2]).body == b"data"
    assert getpreview.get("/", {"addr": link}, status=422).content_type == "text/plain"


def test_an_address_that_uploads_too_often_is_told_to_wait(settings):
    client = TestApp(
        make_app(settings(uploads_per_minute=2)), extra_environ={"REMOTE_ADDR": "192.0.2.1"}
    )
    # Five, since a new minute may begin among them.
    answers = [upload(client, status="*") for _ in range(5)]
    refused = [answer for answer in answers if answer.status_int == 429]

    assert {answer.status_int for answer in answers} == {201, 429}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)


def test_when_all_that_may_be_stored_is_stored_the_next_is_refused(settings, tmp_path):
    client = TestApp(make_app(settings(max_stored=1000)))
    upload(client, data=b"x" * 700)
    answer = upload(client, data=b"x" * 400, status=507)

    assert answer.json["code"] == "no-room"
    assert len(list((tmp_path / "data" / "Storage").iterdir())) == 1


def test_what_was_there_before_the_limit_counts_too(settings, tmp_path):
    upload(TestApp(make_app(settings())), data=b"x" * 700)
    client = TestApp(make_app(settings(max_stored=1000)))

    upload(client, data=b"x" * 301, status=507)
    upload(client, data=b"x" * 300)


def test_a_full_disk_is_507(settings):
    client = TestApp(make_app(settings().model_copy(update={"disk_floor": 10**18})))

    assert upload(client, status=507).headers["Retry-After"]


def send_picture(client, data, status=201, query=""):
    return client.post(f"/o/{query}", data, headers={"Content-Type": "image/jpeg"}, status=status)


def test_a_picture_gets_an_id_and_is_shown_at_any_size(settings):
    client = TestApp(make_app(settings(image_uploads=True, named_sizes={"hero": "300x50!"})))
    told = send_picture(client, jpeg(), query="?title=Sea").json

    assert client.get(told["link"]).body == jpeg()
    assert Image.open(io.BytesIO(client.get(told["sizes"]["vga"]).body)).size == (640, 480)
    assert Image.open(io.BytesIO(client.get(told["sizes"]["hero"]).body)).size == (300, 50)
    client.get(f"/10x10/{told['id']}", status=403)


def test_pictures_are_not_taken_unless_that_is_switched_on(settings):
    send_picture(TestApp(make_app(settings())), jpeg(), status=403)


def test_programs_and_the_service_have_the_same_pictures(settings):
    ours = settings(
        signing_keys=["the key that signs sizes in this test"],
        image_alt="(Example Ltd)",
        public_url="http://p.test",
    )
    client = TestApp(make_app(ours))
    with contextlib.closing(make_images(ours)) as images:
        image = images.save_image(jpeg(), title="Sea")
        url = images.scaled_imageurl(image, "64x64!")

        assert url.startswith("http://p.test/")
        assert Image.open(io.BytesIO(client.get(url).body)).size == (64, 64)
        assert images.scaled_imagedata(image, "64x64!") == client.get(url).body
        assert 'alt="Sea (Example Ltd)"' in images.scaled_tag(image)
        client.get(url.replace("64x64!", "65x65!"), status=403)


def test_a_key_that_could_be_guessed_and_a_size_that_cannot_be_stop_the_start(settings):
    for bad in ({"signing_keys": ["short"]}, {"named_sizes": ["x"]}, {"open_sizes": ["x"]}):
        with pytest.raises(BadSettings, match=next(iter(bad))):
            make_app(settings(**bad))


@pytest.mark.parametrize("path", ["/o", "/o/more"])
def test_stored_files_cannot_lie_where_originals_do(settings, path):
    with pytest.raises(BadSettings, match="storage_path"):
        make_app(settings(storage_path=path))


def test_pictures_count_as_what_is_stored(settings):
    limited = settings(max_stored=10_000, image_uploads=True)
    client = TestApp(make_app(limited))
    send_picture(client, jpeg(200, 200))
    big = b"x" * 9_000

    assert upload(client, data=big, status=507).json["code"] == "no-room"
    assert upload(TestApp(make_app(limited)), data=big, status=507), "after a recount too"


def test_pictures_and_uploads_by_one_address_are_counted_together(settings):
    client = TestApp(
        make_app(settings(uploads_per_minute=2, image_uploads=True)),
        extra_environ={"REMOTE_ADDR": "192.0.2.1"},
    )
    # Five, since a new minute may begin among them.
    statuses = [upload(client, status="*").status_int]
    statuses += [send_picture(client, jpeg(), status="*").status_int for _ in range(4)]

    assert set(statuses) == {201, 429}
