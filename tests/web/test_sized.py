"""GET /SIZE/ID and /o/ID: pictures by ID, and who may have them at which size."""

import functools
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webtest import TestApp

from sized_pictures import build_images, jpeg, moving_gif, noise, opened, transparent_png
from uploadsvc.again import KEY
from uploadsvc.errors import Unavailable
from uploadsvc.sized import claims
from uploadsvc.web.dispatch import mount
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.sized import sized

NONE = "A" * 32 + "01"
FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def make(data):
    return functools.partial(build_images, data)


@pytest.fixture
def images(make):
    return make()


@pytest.fixture
def client(images):
    return client_of(images)


@pytest.fixture(scope="session")
def photo():
    return jpeg()


@pytest.fixture
def image(images, photo):
    return images.save_image(photo, title="A boat")


def client_of(images, **options):
    return TestApp(answer_errors(mount({}, claimed=(claims, sized(images, **options)))))


def code(answer):
    return answer.json["code"]


def refused(client, path, status):
    return code(client.get(path, headers={"Accept": "application/json"}, status=status))


# What is given


@pytest.mark.parametrize(
    "ending", ["", ".jpeg", ".png", "/any-name.jpeg", "/any.name.exe", "/A%20boat", "/..%5c..jpeg"]
)
def test_the_original_is_given_byte_for_byte(client, image, photo, ending):
    answer = client.get(f"/o/{image}{ending}")

    assert answer.body == photo
    assert answer.content_type == "image/jpeg"
    assert answer.headers["Cache-Control"] == FOR_EVER
    assert answer.etag == image


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ("vga", (640, 480)), ("mini", (23, 17)), ("square", (75, 75)), ("xvga", (640, 480)),
        ("150x150", (150, 112)),
    ],
)  # fmt: skip
def test_open_sizes_are_given_to_anybody(client, image, size, shown):
    for ending in ("", ".jpeg", "/any-name.jpeg"):
        answer = client.get(f"/{size}/{image}{ending}")

        assert opened(answer.body).size == shown
        assert answer.headers["Cache-Control"] == FOR_EVER


def test_what_our_urls_lead_to_is_there(client, images, image):
    for size in ("o", "vga", "99x99", "99x99!"):
        answer = client.get(images.scaled_imageurl(image, size))

        assert opened(answer.body).size == images.scaled_dimensions(image, size)


@pytest.mark.parametrize(
    ("extension", "media_type"),
    [
        ("jpeg", "image/jpeg"), ("jpg", "image/jpeg"), ("png", "image/png"), ("gif", "image/gif"),
        ("webp", "image/webp"), ("avif", "image/avif"),
    ],
)  # fmt: skip
def test_an_extension_fixes_the_format(client, image, extension, media_type):
    for accept in ("*/*", "image/webp", "image/avif,image/webp"):
        answer = client.get(f"/mini/{image}.{extension}", headers={"Accept": accept})

        assert answer.content_type == media_type
        assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    ("accept", "avif", "still_type", "moving_type"),
    [
        ("*/*", True, "image/jpeg", "image/gif"),
        ("image/*", True, "image/jpeg", "image/gif"),
        ("image/webp,*/*", True, "image/webp", "image/webp"),
        ("image/avif,image/webp", True, "image/avif", "image/webp"),
        ("image/avif,image/webp", False, "image/webp", "image/webp"),
    ],
)
def test_without_an_extension_accept_decides(images, image, accept, avif, still_type, moving_type):
    client = client_of(images, avif=avif)
    moving = images.save_image(moving_gif())
    for each, media_type in ((image, still_type), (moving, moving_type)):
        answer = client.get(f"/mini/{each}", headers={"Accept": accept})

        assert answer.content_type == media_type
        assert answer.headers["Vary"] == "Accept"


def test_what_shows_through_is_png_or_over_white(client, images):
    image = images.save_image(transparent_png())

    assert client.get(f"/vga/{image}.jpeg").content_type == "image/jpeg"
    assert client.get(f"/vga/{image}").content_type == "image/png"


def test_the_first_frame_is_given_alone_when_it_is_asked_for(client, images):
    image = images.save_image(moving_gif())

    assert opened(client.get(f"/mini/{image}.webp").body).n_frames == 2
    assert opened(client.get(f"/mini/{image}.webp?frame=first").body).n_frames == 1
    assert refused(client, f"/mini/{image}.webp?frame=2", 400) == "bad-input"


def test_a_part_of_the_original_is_given(client, image, photo):
    answer = client.get(f"/o/{image}.jpeg", headers={"Range": "bytes=10-19"}, status=206)

    assert answer.body == photo[10:20]
    assert answer.headers["Content-Range"] == f"bytes 10-19/{len(photo)}"


@pytest.mark.parametrize("size", ["o", "vga"])
def test_what_a_client_has_is_not_sent_again(client, image, size):
    first = client.get(f"/{size}/{image}")
    for condition in (
        {"If-None-Match": f'"{first.etag}"'},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        assert client.get(f"/{size}/{image}", headers=condition, status=304).body == b""


@pytest.mark.parametrize("size", ["o", "vga", "99x99"])
def test_head_tells_what_get_would(client, images, image, size):
    path = images.scaled_imageurl(image, size)
    head, whole = client.head(path), client.get(path)

    assert head.body == b""
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_not_allowed(client, image, method):
    answer = client.request(f"/vga/{image}", method=method, status=405)

    assert answer.headers["Allow"] == "GET, HEAD"


# Headers


@pytest.mark.parametrize("size", ["o", "vga"])
def test_it_is_safe_to_show_and_may_be_found(client, image, size):
    headers = client.get(f"/{size}/{image}").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "X-Robots-Tag" not in headers


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/vga/{}/A-boat.jpeg", "A-boat.jpeg"),
        ("/vga/{}/A-boat", "A-boat.jpeg"),
        ("/vga/{}.png", "{}.png"),
        ("/o/{}/virus.exe", "virus.jpeg"),
        ("/o/{}/shop.html", "shop.jpeg"),
        ("/vga/{}/..%5C..%5Cwin.jpeg", "win.jpeg"),
        ("/vga/{}/a%22b%0D%0AX-Evil:%201.jpeg", "a_b__X-Evil: 1.jpeg"),
        ("/vga/{}/%E2%80%AEgpj.jpeg", "_gpj.jpeg"),
        ("/vga/{}/%FF%FE.jpeg", "__.jpeg"),
        ("/vga/{}/x%5C.jpeg", "file.jpeg"),
    ],
)
def test_the_name_is_decoration_and_is_cleaned_in_headers(client, image, path, name):
    headers = client.get(path.format(image)).headers
    shown = re.search(r'filename="([^"]*)"', headers["Content-Disposition"])[1]

    assert shown == name.format(image)
    assert "X-Evil" not in headers


NAMES = st.text(st.characters(codec="latin-1", exclude_characters="/?#."), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(name=NAMES)
def test_any_name_leads_to_the_same_picture_and_a_header_that_is_one_line(client, image, name):
    raw = name.encode("latin-1")
    path = f"/o/{image}/x" + "".join(f"%{byte:02X}" for byte in raw)
    answer = client.get(path)

    assert answer.content_type == "image/jpeg"
    assert re.fullmatch(
        r"inline; filename=\"[ -~]+\.jpeg\"; filename\*=UTF-8''[!-~]+\.jpeg",
        answer.headers["Content-Disposition"],
    )


# What is refused


def test_an_unsigned_free_size_is_forbidden_and_a_signed_one_is_not(client, images, image):
    signed = images.scaled_imageurl(image, "99x99")

    assert refused(client, f"/99x99/{image}", 403) == "not-signed"
    assert refused(client, signed.replace("99x99", "98x99"), 403) == "not-signed"
    assert refused(client, signed.replace("99x99", "99x99!"), 403) == "not-signed"
    assert refused(client, "/x" + signed[2:], 403) == "not-signed"
    assert client.get(signed)


def test_a_wrong_signature_is_forbidden_before_an_open_size_too(client, image):
    for size in ("vga", "150x150", "o"):
        assert refused(client, f"/{'A' * 24}/{size}/{image}", 403) == "not-signed"


def test_whether_there_is_such_a_picture_is_not_told_without_a_signature(client):
    assert refused(client, f"/99x99/{NONE}", 403) == "not-signed"


@pytest.mark.parametrize(
    "path",
    ["/2049x1/{}", "/0x1/{}", "/1x/{}", "/01x1/{}", "/unknown/{}", "/vga!/{}", "/../{}",
     "/vga/{}.svg", "/vga/{}.JPEG", "/vga/{}/name.tiff", "/vga/{}.", "/A/2049x1/{}"],
)  # fmt: skip
def test_what_is_malformed_or_over_the_limit_is_400(client, image, path):
    assert refused(client, path.format(image), 400) == "bad-input"


@pytest.mark.parametrize(
    "path",
    [f"/vga/{NONE}", f"/o/{NONE}.jpeg", "/o/x", f"/vga/{NONE}/a/b", f"/vga/{NONE}x",
     f"/o/{NONE[:-2]}"],
)  # fmt: skip
def test_what_is_not_there_is_404(client, path):
    assert refused(client, path, 404) == "missing"


def test_paths_of_others_are_left_to_them(client):
    for path in ("/", "/vga/none", "/other", f"/{NONE}", f"/a/b/c/{NONE}"):
        client.get(path, status=404)


def test_one_size_more_than_a_picture_may_have_is_400(make, photo):
    images = make(open_sizes=["all"], most=2)
    image, client = images.save_image(photo), client_of(images)
    client.get(f"/10x10/{image}")
    client.get(f"/20x20/{image}")

    assert refused(client, f"/30x30/{image}", 400) == "too-many-sizes"
    client.get(f"/10x10/{image}.webp")
    client.get(f"/vga/{image}")


@pytest.mark.parametrize(
    "path",
    [
        "/o/../../etc/passwd", "/o/{}/..", "/o/..%2f..%2fetc%2fpasswd", "/o/{}/../../../etc/passwd",
        "/vga/..%2F..%2FStorage/{}", "/..%2F..%2F/{}", "/vga/{}%00.jpeg", "/vga/%2E%2E/{}",
        "/o/{}%2F..%2Frecord.json", "/{}/record.json", "/o/{}%2Frecord.json%2F",
    ],
)  # fmt: skip
def test_no_path_leads_anywhere_else(client, image, path):
    answer = client.get(path.format(image), status="*")

    assert answer.status_int in (400, 403, 404)
    assert image.encode() not in answer.body


# Who may wait for what


def test_originals_and_large_pictures_count_as_downloads_and_small_ones_do_not(images, image):
    begun = []

    def begin():
        begun.append("begun")
        return lambda: begun.append("sent")

    client = client_of(images, begin_sending=begin)
    large = f"/svga/{images.save_image(noise())}"
    client.get(f"/mini/{image}")
    client.head(f"/o/{image}")
    client.head(large)
    assert begun == []
    for path in (f"/o/{image}", large):
        client.get(path)

        assert begun == ["begun", "sent"]
        begun.clear()


def test_one_download_too_many_is_503(images, image):
    def full():
        raise Unavailable("too much")

    client = client_of(images, begin_sending=full)

    for path in (f"/o/{image}", f"/svga/{images.save_image(noise())}"):
        assert refused(client, path, 503) == "unavailable"
    client.get(f"/mini/{image}")


def test_what_gives_the_same_answer_again_is_left_and_fails_with_the_picture(images, image):
    left = []
    endpoint = sized(images)

    def noting(environ, start_response):
        left.append(environ)
        return endpoint(environ, start_response)

    client = TestApp(noting)
    client.get(f"/mini/{image}")
    answer = client.get(f"/mini/{image}")
    again = left[-1][KEY]

    assert again().body == answer.body
    assert sorted(again().headers) == sorted(answer.headers.items())
    images.delete_image(image)
    assert again() is None
