"""Pictures by ID under the real server: in, out at every size, imported, and gone again."""

import collections
import http.client
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from clients import fetch, form, part
from servers import UPLOADSVC, running_service
from sized_pictures import jpeg, opened
from uploadsvc import Settings, make_images
from waiting import eventually

pytestmark = pytest.mark.live

KEYS = ("the-key-that-signs-since-today-0001", "the-key-that-signed-before-it-0000")
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(
        tmp_path_factory.mktemp("sized"),
        disk_floor=0,
        decoders=1,
        image_uploads="true",
        signing_keys=",".join(KEYS),
        max_upload="200kB",
    ) as running:
        yield running


@pytest.fixture
def program(service):
    """`program(keys)` is what a program beside the service works with."""

    made = []

    def program(keys=KEYS):
        settings = Settings(
            data_dir=service.data_dir, disk_floor=0, signing_keys=keys, public_url=service.url
        )
        made.append(make_images(settings))
        return made[-1]

    yield program
    for images in made:
        images.close()


def send(service, data, *, path="/o/", content_type="image/jpeg", **headers):
    headers = {"Content-Type": content_type} | headers
    return fetch(service.url + path, method="POST", data=data, headers=headers)


def sent_in_chunks(service, pieces):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        connection.request(
            "POST", "/o/", body=iter(pieces), headers={"Content-Type": "image/jpeg"},
            encode_chunked=True,
        )  # fmt: skip
        with connection.getresponse() as answer:
            return answer.status, answer.read()
    finally:
        connection.close()


def test_a_picture_goes_in_comes_out_at_every_size_and_is_gone_when_deleted(service, program):
    content_type, body = form(part("title", "Red chair"), part("file", jpeg(), filename="c.jpeg"))
    answer = send(service, body, content_type=content_type)
    told = answer.json
    signed = program().scaled_imageurl(told["id"], "64x64!")
    urls = [told["link"], *told["sizes"].values(), signed]
    sizes = [opened(fetch(url).body).size for url in urls]

    assert answer.status == 201
    assert answer.headers["Location"] == told["link"]
    assert told["link"] == f"{service.url}/o/{told['id']}/Red-chair.jpeg"
    assert fetch(told["link"]).body == jpeg()
    assert sizes[0] == (640, 480)
    assert sizes[-1] == (64, 64)
    program().delete_image(told["id"])
    assert {fetch(url).status for url in urls} == {404}
    assert [path for path in service.data_dir.rglob("*") if told["id"] in str(path)] == []


def test_a_body_with_and_without_a_length_is_the_same_picture(service):
    data = jpeg(300, 300)
    status, body = sent_in_chunks(service, [data[:700], data[700:]])

    assert status == 201
    assert send(service, data).json["id"].encode() in body


def test_what_is_too_large_or_no_picture_is_told_so(service):
    assert send(service, b"x" * 200_001, **JSON).json["code"] == "too-large"
    assert send(service, b"no picture", **JSON).json["code"] == "undecodable"
    assert sent_in_chunks(service, [b"x" * 100_000] * 3)[0] == 413


def test_keys_are_changed_without_breaking_what_was_signed_before(service, program):
    image = program().save_image(jpeg(80, 60))
    old, new, wrong = program(KEYS[1:]), program(), program(["another-key-of-many-letters-00000"])
    statuses = [fetch(each.scaled_imageurl(image, "20x20")).status for each in (old, new, wrong)]

    assert statuses == [200, 200, 403]
    assert old.scaled_imageurl(image, "20x20") != new.scaled_imageurl(image, "20x20")


def test_the_answer_is_the_same_on_the_short_way(service, program):
    image = program().save_image(jpeg(90, 60), title="Short")
    url = program().imageurl(image, "mini")
    plain = [fetch(url) for _ in range(3)]
    others = [fetch(url, headers={"Accept": "image/webp"}) for _ in range(2)]

    assert len({answer.body for answer in plain}) == 1
    assert {answer.headers["Content-Type"] for answer in plain} == {"image/jpeg"}
    assert {answer.headers["Content-Type"] for answer in others} == {"image/webp"}
    assert {answer.headers["Vary"] for answer in plain + others} == {"Accept"}
    assert {answer.headers["Cache-Control"] for answer in plain + others} == {
        "public, max-age=31536000, immutable"
    }
    program().delete_image(image)
    assert fetch(url).status == 404


def test_many_who_send_one_picture_at_once_get_one_id(service, program):
    data = jpeg(123, 45)
    with ThreadPoolExecutor(16) as clients:
        answers = list(
            clients.map(lambda number: send(service, data, path=f"/o/?title=t{number}"), range(16))
        )
    [image] = {answer.json["id"] for answer in answers}

    assert collections.Counter(answer.status for answer in answers) == {201: 16}
    assert set(program().get_imagedoc(image).titles) == {f"t{number}" for number in range(16)}


def test_what_is_imported_beside_the_service_is_shown_by_it(service, tmp_path):
    (tmp_path / "Blue chair.jpeg").write_bytes(jpeg(50, 40, "blue"))
    done = subprocess.run(
        [UPLOADSVC, "import", tmp_path],
        env=service.environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    image = re.match(r"[A-Z2-7]{32}01", done.stdout)[0]

    assert done.returncode == 0, done.stderr
    assert fetch(f"{service.url}/o/{image}").body == jpeg(50, 40, "blue")
    assert opened(fetch(f"{service.url}/mini/{image}/any-name.jpeg").body).size == (23, 18)


def test_the_log_tells_what_was_asked_without_a_trace_of_trouble(service, program):
    image = program().save_image(jpeg(33, 33))
    fetch(program().imageurl(image, "vga"))
    line = f"GET /vga/{image[:3]}…/ima… 200 "

    # It is written when the answer is sent already.
    assert eventually(lambda: line in service.log.read_text())
    log = service.log.read_text()
    assert "Traceback" not in log
    assert not any(key in log for key in KEYS)
