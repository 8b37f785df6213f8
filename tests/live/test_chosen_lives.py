"""Lives that end, by themselves or by a link: the same through every server in front."""

import contextlib
import http.client
import os
from urllib.parse import quote, urlsplit

import pytest

from apache import running_apache
from clients import fetch, upload
from nginx import running_nginx
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.live

REFUSAL = b"the token is not right, or its time is over\n"

# Names that something on the way might take for something else.
NAMES = [
    "x.php", "x.cgi", "x.pl", "x.py", "x.sh", "x.var", "x.asis", "x.fcgi", "x.shtml", "x.html",
    "x.phar", "x.jsp", "x.gz", "x.wsgi", "x.php.jpg", "index.html", ".htaccess", ".htpasswd",
    "a%41.txt", "%2e%2e%2fx", "100%.jpg", "a b+c&d=e.jpg", "a?b#c;d.jpg", "~", "..x", "...",
    "例え.txt", "💩.jpg", "a'b.jpg", "a:b|c.txt",
]  # fmt: skip


@contextlib.contextmanager
def gunicorn_alone(program, tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("alone"), disk_floor=0, decoders=1) as service:
        yield service


def nginx(program, _):
    return running_nginx(program("nginx"), send_files="x-accel-redirect")


def apache(**options):
    return lambda program, _: running_apache(program("apache2"), disk_floor=0, **options)


FRONTS = {
    "gunicorn": gunicorn_alone,
    "nginx": nginx,
    "Apache": apache(),
    "Apache with X-Sendfile": apache(defined={"XSENDFILE": ""}, send_files="x-sendfile"),
}


@pytest.fixture(scope="module", params=FRONTS)
def front(request, program, tmp_path_factory):
    with FRONTS[request.param](program, tmp_path_factory) as running:
        running.name = request.param
        yield running


def path_of(front, told):
    return front.storage / urlsplit(told["link"]).path.split("/")[-2] / told["name"]


def let_pass(front, told, seconds):
    """Let a stored file, its folder and its previews be so much older."""
    path = path_of(front, told)
    modified = path.stat().st_mtime_ns
    previews = [
        each
        for each in (front.storage.parent / "Previews").iterdir()
        if each.stat().st_mtime_ns == modified
    ]
    for each in (path, path.parent, *previews):
        earlier = each.stat().st_mtime_ns - seconds * 10**9
        os.utime(each, ns=(earlier, earlier))


def previews_of(front):
    folder = front.storage.parent / "Previews"
    return [each.name for each in folder.iterdir() if each.suffix not in (".failed", ".made")]


def test_an_upload_is_shown_and_deleted_by_the_links_that_it_was_told(front, picture):
    told = upload(front.url, picture, filename="holiday.png").json
    shown = [fetch(told["preview"]) for _ in range(3)][-1]

    assert (told["width"], told["height"]) == (120, 80)
    assert (shown.status, shown.headers["Content-Type"]) == (200, "image/jpeg")
    assert len(previews_of(front)) == 1
    gone = fetch(told["delete"], method="DELETE")
    assert (gone.status, gone.body) == (204, b"")
    assert [fetch(told[key]).status for key in ("link", "preview")] == [404, 404]
    assert previews_of(front) == []
    assert fetch(told["delete"], method="DELETE").status == 404


def test_a_file_of_any_name_is_deleted(front):
    wrong = []
    for name in NAMES:
        told = upload(front.url, b"x", filename=name).json
        answer = fetch(told["delete"], method="DELETE")
        if answer.status != 204 or path_of(front, told).exists():
            wrong.append((name, answer.status))

    assert wrong == []


def test_a_wrong_token_is_refused_in_the_words_of_the_service_and_once(front):
    told = upload(front.url, b"x", filename="a.php").json
    asked = urlsplit(told["delete"])
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("DELETE", f"{asked.path}?token=1.AAAA")
        answer = connection.getresponse()
        names = [name.lower() for name, _ in answer.getheaders()]

        assert (answer.status, answer.read()) == (403, REFUSAL)
    assert sorted(names) == sorted(set(names))
    assert path_of(front, told).exists()
    assert fetch(told["delete"]).status == 405


def test_no_log_holds_a_link_or_a_token(front):
    told = upload(front.url, b"x", filename="unheard-of.jpg").json
    folder = path_of(front, told).parent.name
    fetch(told["delete"] + "x", method="DELETE")
    fetch(told["delete"], method="DELETE")
    fetch(f"{front.url}/healthz")

    def log():
        return front.log if isinstance(front.log, str) else front.log.read_text()

    assert eventually(
        lambda: "/healthz" in log() or (front.name == "nginx" and folder[:3] in log())
    )
    for secret in (folder, "unheard-of", told["delete"].partition("token=")[2]):
        assert secret not in log()


def max_age(answer):
    [seconds] = [
        int(part.partition("=")[2])
        for part in answer.headers["Cache-Control"].split(", ")
        if part.startswith("max-age=")
    ]
    return seconds


def test_a_short_life_is_kept_to_and_told(front, picture):
    told = upload(front.url, picture, filename="a.png", expires="600").json

    assert 500 < max_age(fetch(told["link"])) <= 600
    # The third is answered on the short way, where there is one.
    for _ in range(3):
        assert 500 < max_age(fetch(told["preview"])) <= 600
    let_pass(front, told, 601)
    over = [fetch(told[key]).status for key in ("link", "preview")]
    if front.name == "Apache":
        # It serves the folder by itself, and leaves that to the cleaner.
        assert over == [200, 410]
        assert max_age(fetch(told["link"])) == 0
    else:
        assert over == [410, 410]
    swept = front.command("clean")
    assert path_of(front, told).parent.name in swept.stdout, swept.stderr
    assert [fetch(told[key]).status for key in ("link", "preview")] == [404, 404]


def test_a_large_file_of_a_short_life_ends_too(front):
    """Large ones are sent by the server in front."""
    told = upload(front.url, b"0123456789" * 30_000, filename="a.bin", expires="600").json

    assert 500 < max_age(fetch(told["link"])) <= 600
    let_pass(front, told, 601)
    assert fetch(told["link"]).status == (200 if front.name == "Apache" else 410)


def test_resumable_uploads_reach_the_service(front):
    answer = fetch(f"{front.url}/files/", method="OPTIONS")

    assert (answer.status, answer.headers["Tus-Version"]) == (204, "1.0.0")
    assert fetch(f"{front.url}/files/{quote('x.php')}").status == 404
