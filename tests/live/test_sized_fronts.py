"""Pictures by ID through nginx and Apache: what they send themselves is what the service would."""

import pytest

from clients import fetch
from sized_fronts import FRONTS, NAMES_NONE, NAMES_WEBP, UNUSUAL, save, saved, sign
from sized_pictures import jpeg
from waiting import eventually

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", params=FRONTS)
def front(request, program):
    with FRONTS[request.param](program) as running:
        running.pictures = saved(running)
        yield running


# Behind an ID: what is no URL of a picture, and what only looks odd.
TAILS = ["/", "/.", "/a.b", ".", ".JPEG", ".bmp", "/a%2ejpeg", "/a%2fb", "/con.jpg", "/~"]


def test_a_file_is_what_the_service_would_have_answered(front):
    photo, drawing, film = front.pictures.photo, front.pictures.drawing, front.pictures.film
    accepts = [{"Accept": each} for each in (*NAMES_WEBP, *NAMES_NONE, *UNUSUAL)]
    asked = [
        *front.pictures.made(),
        *((f"/small/{image}", accept) for image in (photo, film) for accept in accepts),
        *((f"/small/{photo}{tail}", {}) for tail in TAILS),
        *((f"/{size}/{photo}", {}) for size in ("nosuch", "0x5", "33x22")),
        # A client that may get anything gets the PNG, since it is there.
        *((f"/vga/{drawing}.png", {}), (f"/vga/{drawing}", {})),
    ]
    sent_alone = 0
    for path, headers in asked:
        # The service makes each that may be had.
        by_service = fetch(f"{front.url}{path}?to=the-service", headers=headers)
        answer = fetch(front.url + path, headers=headers)
        facts = [
            (each.status, each.headers["Content-Type"], each.headers.get("Vary"))
            for each in (by_service, answer)
        ]
        sent_alone += answer.headers.get("ETag") != by_service.headers.get("ETag")

        assert facts[0] == facts[1], (path, headers)
        assert answer.status != 200 or answer.body == by_service.body, (path, headers)
    assert sent_alone > len(asked) / 2, "the check cannot fail"


def test_a_query_and_other_methods_are_the_services(front):
    url = f"{front.url}/small/{front.pictures.film}.webp"
    moving, still = fetch(url), fetch(f"{url}?frame=first")
    others = [fetch(url, method=method, data=b"x") for method in ("POST", "PUT", "DELETE")]

    assert still.status == 200
    assert still.body != moving.body
    assert fetch(url).body == moving.body
    assert [(answer.status, answer.headers.get("Allow")) for answer in others] == [
        (405, "GET, HEAD")
    ] * 3


def test_what_is_deleted_is_gone_through_the_front(front):
    image = save(front, jpeg(321, 123))
    urls = [f"{front.url}/vga/{image}", f"{front.url}/{sign('32x32', image)}/32x32/{image}"]
    before = [fetch(url).status for url in [*urls, *urls]]
    done = front.command("delete", image)

    assert (before, done.returncode) == ([200] * 4, 0), done
    # nginx looks again after a second.
    assert eventually(lambda: [fetch(url).status for url in urls] == [404, 404], patience=3)


def test_the_log_holds_no_signature_and_little_of_an_id(front):
    photo = front.pictures.photo
    path = front.pictures.signed("35x35!")
    for each in (path, path, f"/o/{photo}", f"/vga/{photo}?a=b"):
        fetch(front.url + each)

    assert eventually(lambda: front.log.count(f'"GET /35x35!/{photo[:3]}... HTTP/1.1" 200 ') == 2)
    assert eventually(lambda: f'"GET /o/{photo[:3]}... HTTP/1.1" 200 ' in front.log)
    assert photo not in front.log
    assert sign("35x35!", photo) not in front.log
