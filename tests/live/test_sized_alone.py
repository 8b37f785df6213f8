"""Pictures by ID that were made before: nginx and Apache send them with the service stopped."""

import pytest

from clients import fetch
from nginx import ask, get, status
from sized_fronts import FRONTS, NAMES_NONE, NAMES_WEBP, UNUSUAL, nginx, planted, saved, sign, told

pytestmark = pytest.mark.live

# IDs of no picture, for files that no service has made.
PLANTED = ["A" * 32 + "01", "B" * 32 + "01"]

NOBODY_THERE = b"the service does not answer; try again later"


@pytest.fixture(scope="module", params=FRONTS)
def alone(request, program):
    """A front whose service has made pictures, and has been stopped then."""
    with FRONTS[request.param](program) as running:
        running.pictures = saved(running)
        running.answers = [
            (path, headers, fetch(running.url + path, headers=headers))
            for path, headers in running.pictures.made()
        ]
        running.stop_service()
        yield running


def test_what_was_made_once_is_sent_when_the_service_has_stopped(alone):
    assert {answer.status for _, _, answer in alone.answers} == {200}
    for path, headers, answer in alone.answers:
        again = fetch(alone.url + path, headers=headers)

        assert (again.status, again.body, told(again)) == (200, answer.body, told(answer)), path


def test_what_was_not_made_needs_the_service_and_says_so_in_a_sentence(alone):
    photo = alone.pictures.photo
    paths = [f"/xvga/{photo}", f"/mini/{photo}", f"/vga/{photo}?frame=first", f"/o/{photo}", "/o/"]
    for path in paths:
        answer = fetch(alone.url + path)

        assert answer.status in (500, 502, 503), path
        assert answer.body.lower().strip(b".\n") == NOBODY_THERE
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_signature_leads_to_what_was_signed_and_to_nothing_else(alone):
    photo, drawing = alone.pictures.photo, alone.pictures.drawing
    right = sign("33x22", photo)
    wrong = [
        f"/33x22/{photo}",
        f"/{'A' * 24}/33x22/{photo}",
        f"/{sign('33x22', drawing)}/33x22/{photo}",
        f"/{sign('33x22!', photo)}/33x22/{photo}",
        f"/{right}/33x22!/{photo}",
        f"/{right[:-1]}/33x22/{photo}",
        f"/{right}A/33x22/{photo}",
        f"/{right}-flat/33x22/{photo}",
        f"/33x22/{photo}-{right}",
        f"/33x22/{photo}-{right}.jpeg",
        f"/{right}/vga/{photo}",
        f"/flat/thumb/{drawing}.jpeg",
        f"/first/vga/{photo}",
    ]

    assert fetch(f"{alone.url}/{right}/33x22/{photo}").status == 200
    assert [path for path in wrong if fetch(alone.url + path).status == 200] == []


@pytest.mark.parametrize(
    ("accepts", "body"), [(NAMES_WEBP, b"webp"), (NAMES_NONE, b"jpeg"), (UNUSUAL, None)]
)
def test_accept_picks_the_file_and_what_is_unusual_is_left_to_the_service(alone, accepts, body):
    for extension in ("jpeg", "webp", "avif", "png"):
        planted(alone, f"vga/{PLANTED[0]}.{extension}", extension.encode())
    for accept in accepts:
        answer = fetch(f"{alone.url}/vga/{PLANTED[0]}/name", headers={"Accept": accept})

        assert (answer.body if answer.status == 200 else None) == body, accept
        assert answer.status != 200 or answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("name", FRONTS)
def test_avif_is_sent_to_those_who_name_it_where_that_is_set(program, name):
    with FRONTS[name](program, avif=True) as front:
        front.stop_service()
        planted(front, f"vga/{PLANTED[0]}.avif", b"avif")
        for image in PLANTED:
            planted(front, f"vga/{image}.webp", b"webp")
            planted(front, f"vga/{image}-flat.avif", b"the first frame of what moves")
        got = [
            fetch(f"{front.url}/vga/{image}", headers={"Accept": accept})
            for image in PLANTED
            for accept in ("image/avif,image/webp", "image/webp", "image/avif;q=0.5,image/webp")
        ]

    assert [answer.body if answer.status == 200 else None for answer in got] == [
        *(b"avif", b"webp", None),
        # Where there is no AVIF, it may have to be made, or the picture may move.
        *(None, b"webp", None),
    ]


def test_heads_ranges_and_conditions_are_answered_alone(alone):
    data = bytes(range(250)) * 200
    path = planted(alone, f"vga/{PLANTED[0]}.gif", data)
    url = f"{alone.url}/vga/{PLANTED[0]}/name.gif"
    whole, head = fetch(url), fetch(url, method="HEAD")
    tag, since = whole.headers["ETag"], whole.headers["Last-Modified"]

    def ask_with(**headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = fetch(url, headers=named)
        return answer.status, answer.body

    assert (whole.status, whole.body, whole.headers["Content-Type"]) == (200, data, "image/gif")
    assert (head.status, head.body) == (200, b"")
    assert told(head) == told(whole)
    assert ask_with(Range="bytes=100-199") == (206, data[100:200])
    assert ask_with(Range="bytes=100-199", If_Range=tag) == (206, data[100:200])
    assert ask_with(Range="bytes=100-199", If_Range='"other"') == (200, data)
    assert ask_with(Range="bytes=0-1,5-6") == (200, data)
    assert ask_with(If_None_Match=tag) == (304, b"")
    assert ask_with(If_Modified_Since=since) == (304, b"")
    assert ask_with(If_None_Match='"other"') == (200, data)
    path.unlink()


def test_nothing_else_in_the_folder_or_beside_it_is_ever_sent(alone):
    one, other = "C" * 32 + "01", "D" * 32 + "01"
    hidden = [
        f"{one}.jpeg",
        *(f".made/{one}.jpeg", f".partial-0123456789abcdef/{one}.jpeg"),
        *(f"vga/{one}.html", f"vga/{one}", f"vga/{one}.svg", f"vga/.{one}.jpeg"),
        *(f"vga/.partial-lock-{one}.jpeg", f"VGA/{one}.jpeg", f"o/{one}.jpeg", f"vga/{one}~.jpeg"),
        *(f"vga/{one}-first.jpeg", f"vga/{one}-flat.webp.png", f"77x/{one}.jpeg", "vga/index.html"),
    ]
    for name in hidden:
        planted(alone, name, b"hidden")
    (alone.sized / f"mini/{other}.jpeg").symlink_to("/etc/hostname")
    (alone.sized / f"vga/{other}.jpeg").mkdir()
    (alone.sized / "linked").symlink_to(alone.sized / "vga")
    planted(alone, f"vga/{one}.webp", b"hidden")
    paths = [
        *(f"/{name}" for name in hidden),
        *(f"/vga/../{name}" for name in hidden[:3]),
        *(f"/vga/%2e%2e/{name}" for name in hidden[:3]),
        *(f"/mini/{other}", f"/vga/{other}", f"/linked/{one}.webp", f"/linked/{one}"),
        *("/vga/", "/vga", "/vga/.", f"/vga/{one}.webp/", f"/vga/{one}.webp/a"),
        *(f"/vga/../../Sized/vga/{one}.webp", f"/Sized/vga/{one}.webp", f"/vga/{one}.webp%00"),
        *(f"/vga/{one}.WEBP", f"/vga/{one.lower()}.webp", f"/vga/{one}0.webp", f"/vga/{one}/a.b"),
        *(f"/vga/{one}/../../../.uploadsvc", "/../.uploadsvc", "/vga/..%2f..%2f.uploadsvc"),
        *(f"/vga%2f..%2f{one}.jpeg", f"/../Sized/{one}.jpeg", f"/./.made/{one}.jpeg"),
    ]
    answers = {path: ask(alone.port, get(path)) for path in paths}

    assert {path for path, answer in answers.items() if status(answer) == 200} == set()
    assert {path for path, answer in answers.items() if b"hidden" in answer} == set()
    assert fetch(f"{alone.url}/vga/{one}.webp").body == b"hidden", "the check cannot fail"


def test_without_the_line_about_links_they_are_followed(program):
    with nginx(program, without="disable_symlinks ") as careless:
        (careless.sized / "vga").mkdir()
        (careless.sized / f"vga/{PLANTED[0]}.jpeg").symlink_to("/etc/hostname")

        assert fetch(f"{careless.url}/vga/{PLANTED[0]}").status == 200
