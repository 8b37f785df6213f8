"""POST /o/: a picture goes in, as a form's file or as the whole body, and its ID comes out."""

import functools

import pytest
from webob import Request
from webtest import TestApp

from clients import Trickle, file_form, form, part
from sized_pictures import build_images, jpeg, opened
from uploadsvc.errors import TooMany, Unavailable
from uploadsvc.links import Links
from uploadsvc.sized import claims
from uploadsvc.web.dispatch import mount
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.imageupload import image_upload
from uploadsvc.web.sized import sized

LIMIT = 100_000


@pytest.fixture
def images(data):
    return build_images(data)


@pytest.fixture
def make(images):
    def make(*, is_open=True, **options):
        upload = image_upload(
            images,
            links=Links(storage_path="/s"),
            max_upload=options.pop("max_upload", LIMIT),
            is_open=is_open,
            **options,
        )
        mounted = mount({"/o": upload}, claimed=(claims, sized(images)))
        return TestApp(answer_errors(mounted))

    return functools.partial(make)


@pytest.fixture
def client(make):
    return make()


@pytest.fixture(scope="session")
def photo():
    return jpeg()


def post_form(client, data, *parts, field="file", status=201, path="/o/"):
    content_type, body = form(*parts, part(field, data, filename="A boat.jpg"))
    return client.post(path, body, headers={"Content-Type": content_type}, status=status)


def post_raw(client, data, *, content_type="image/jpeg", status=201, path="/o/", **headers):
    return client.post(path, data, headers={"Content-Type": content_type} | headers, status=status)


def send(client, body, *, length, content_type="image/jpeg", chunked=True):
    """Send a body that comes in small pieces, with this length or in chunks."""
    environ = {"CONTENT_TYPE": content_type, "wsgi.input": Trickle(body, 999)}
    request = Request.blank("/o/", environ, method="POST")
    if length is not None:
        request.environ["CONTENT_LENGTH"] = str(length)
    elif chunked:
        request.environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    return request.get_response(client.app)


def kept(images):
    return list(images.originals)


def test_a_picture_goes_in_and_every_url_of_the_answer_leads_to_it(client, images, photo):
    answer = post_form(client, photo, part("title", "At sea"))
    told = answer.json

    assert list(told) == ["id", "link", "width", "height", "type", "size", "sizes"]
    assert told["id"] == images.save_image(photo)
    assert (told["width"], told["height"], told["type"]) == (640, 480, "image/jpeg")
    assert told["size"] == len(photo)
    assert told["link"] == f"http://localhost/o/{told['id']}/At-sea.jpeg" == answer.location
    assert client.get(told["link"]).body == photo
    assert set(told["sizes"]) == set(images.sizes.named)
    for name, url in told["sizes"].items():
        assert opened(client.get(url).body).size == images.scaled_dimensions(told["id"], name)


@pytest.mark.parametrize("field", ["file", "file1", "picture"])
def test_the_file_may_be_in_any_field(client, photo, field):
    assert post_form(client, photo, field=field).json["width"] == 640


@pytest.mark.parametrize("path", ["/o", "/o/"])
@pytest.mark.parametrize(
    "content_type", ["image/jpeg", "image/png", "", "application/x-www-form-urlencoded", "nonsense"]
)
def test_the_whole_body_may_be_the_picture_whatever_it_is_called(
    client, images, photo, path, content_type
):
    told = post_raw(client, photo, content_type=content_type, path=path).json

    assert (told["id"], told["type"]) == (images.save_image(photo), "image/jpeg")


def test_a_body_may_come_in_chunks(client, photo):
    answer = send(client, photo, length=None)

    assert answer.status_int == 201
    assert answer.json["size"] == len(photo)


@pytest.mark.parametrize("query", ["?title=At%20sea", ""])
def test_the_title_may_be_in_the_query_or_before_or_after_the_file(client, images, photo, query):
    title = part("title", "At sea")
    content_type, body = form(part("file", photo, filename="x.jpg"), title)
    answer = client.post(f"/o/{query}", body, headers={"Content-Type": content_type})

    assert images.get_imagedoc(answer.json["id"]).titles == ("At sea",)


def test_a_raw_body_has_its_title_in_the_query(client, images, photo):
    image = post_raw(client, photo, path="/o/?title=B%C3%B6t").json["id"]

    assert images.get_imagedoc(image).titles == ("Böt",)


def test_the_same_picture_again_gets_the_same_answer_and_its_titles_add_up(client, images, photo):
    first = post_raw(client, photo, path="/o/?title=one")
    second = post_raw(client, photo, path="/o/?title=two")

    assert first.status_int == second.status_int == 201
    assert first.json == second.json
    assert kept(images) == [first.json["id"]]
    assert set(images.get_imagedoc(first.json["id"]).titles) == {"one", "two"}


def test_strangers_cannot_give_a_picture_another_title_or_many(client, images, photo):
    image = images.save_image(photo, title="ours")
    for number in range(30):
        post_raw(client, photo, path=f"/o/?title=theirs{number}")
    titles = images.get_imagedoc(image).titles

    assert titles[-1] == "ours"
    assert len(titles) == 20
    images.set_title(image, "ours too")
    assert images.get_imagedoc(image).titles == (*titles, "ours too")


def test_unless_it_is_switched_on_all_are_refused(make, images, photo):
    answer = post_raw(make(is_open=False), photo, status=403, Accept="application/json")

    assert answer.json["code"] == "not-allowed"
    assert "switched off" in answer.json["detail"]
    assert kept(images) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_it_takes_nothing_but_posts(client, method):
    assert client.request("/o/", method=method, status=405).headers["Allow"] == "POST"


@pytest.mark.parametrize("sent", [b"no picture", b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_is_422_and_not_kept(client, images, sent):
    post_raw(client, sent, status=422)
    post_form(client, sent, status=422)

    assert kept(images) == []


def test_a_picture_of_exactly_the_limit_is_welcome_and_one_byte_more_is_not(make, images, photo):
    exact, small = make(max_upload=len(photo)), make(max_upload=len(photo) - 1)
    for post in (post_raw, post_form):
        post(small, photo, status=413)
        assert kept(images) == []
    for post in (post_raw, post_form):
        post(exact, photo)


def test_a_body_in_chunks_that_becomes_too_large_is_413(make, images, photo):
    assert send(make(max_upload=1000), photo, length=None).status_int == 413
    assert kept(images) == []


def test_a_body_that_ends_early_is_refused_and_not_kept(client, images, photo):
    for content_type, body in (("image/jpeg", photo), file_form(photo)):
        answer = send(client, body[:-5], length=len(body), content_type=content_type)

        assert answer.status_int == 400
    assert kept(images) == []


def test_without_a_body_a_length_is_asked_for(client):
    assert send(client, b"", length=None, chunked=False).status_int == 411


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (400, [part("title", "x")]),
        (400, [part("file", b"", filename="")]),
        (400, [part("title", "one"), part("title", "two"), part("file", jpeg(), filename="a")]),
        (400, [part("file", jpeg(), filename="a"), part("file2", jpeg(), filename="b")]),
        (400, [part("title", "x" * 5001), part("file", jpeg(), filename="a")]),
    ],
)
def test_a_form_that_is_wrong_is_refused_and_nothing_is_kept(client, images, status, parts):
    content_type, body = form(*parts)
    client.post("/o/", body, headers={"Content-Type": content_type}, status=status)

    assert kept(images) == []


def test_titles_with_markup_stay_text(client, photo):
    told = post_form(client, photo, part("title", "<script>alert(1)</script>")).json

    assert told["link"].endswith("/script-alert-1-script.jpeg")


def test_uploads_are_counted_and_have_places(make, images, photo):
    def full():
        raise Unavailable("full")

    def often(address):
        raise TooMany("often", retry_after=9)

    post_raw(make(place=full), photo, status=503)
    post_raw(make(may_upload=often), photo, status=429)

    assert kept(images) == []
