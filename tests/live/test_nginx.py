"""The service behind a real nginx, by the shipped files: what it lets through and what not."""

import contextlib
import http.client
from urllib.parse import quote, urlsplit

import pytest

from clients import fetch, file_form
from nginx import STORAGE_PATH, ask, get, running_nginx, status
from waiting import eventually

pytestmark = pytest.mark.live

LARGE = b"0123456789" * 10_000
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def nginx(program):
    with running_nginx(program("nginx"), send_files="x-accel-redirect") as running:
        yield running


def internal(link, *, prefix="/.uploadsvc-files"):
    """Where nginx has the file of a link for itself."""
    return urlsplit(link).path.replace(STORAGE_PATH, prefix)


# Files


def test_a_large_file_does_not_go_through_the_service(nginx):
    link = nginx.store(LARGE, "large.bin")
    small = nginx.store(b"x" * 1000, "small.bin")

    assert (fetch(link).body, fetch(small).body) == (LARGE, b"x" * 1000)
    # The last number is how many bytes the service has sent.
    for stored, sent in ((link, 0), (small, 1000)):
        line = f"GET {STORAGE_PATH}/{stored.split('/')[-2][:3]}… 200 {sent} "
        assert eventually(lambda line=line: line in nginx.service_log), line


def test_the_headers_are_those_of_the_service(nginx):
    link = nginx.store(LARGE, "ünïcode.html")
    head, whole = fetch(link, method="HEAD").headers, fetch(link).headers
    names = (
        "Content-Type", "Content-Disposition", "Content-Security-Policy", "ETag", "Last-Modified",
        "X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Referrer-Policy", "X-Robots-Tag",
    )  # fmt: skip

    assert {name: whole.get(name) for name in names} == {name: head[name] for name in names}
    assert whole["Content-Disposition"].endswith("filename*=UTF-8''%C3%BCn%C3%AFcode.html")
    assert whole["Content-Security-Policy"].endswith("sandbox")
    assert whole["Cache-Control"].startswith("private, max-age=")
    assert not [name for name in whole if name.lower().startswith("x-accel")]


def test_a_file_is_not_compressed_on_the_way(nginx):
    link = nginx.store(LARGE, "text.txt")
    answer = fetch(link, headers={"Accept-Encoding": "gzip"})

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers.get("Content-Encoding") is None
    assert answer.body == LARGE


def test_nothing_but_the_service_leads_to_the_files(nginx):
    path = internal(nginx.store(LARGE, "a.bin"))
    tail = path.removeprefix("/.uploadsvc-files")
    ways = [
        path,
        f"/%2euploadsvc-files{tail}",
        f"//.uploadsvc-files{tail}",
        f"/./.uploadsvc-files{tail}",
        f"/x/../.uploadsvc-files{tail}",
        f"/static/..%2f.uploadsvc-files{tail}",
        f"/.uploadsvc-files/..{tail}",
        "/.uploadsvc-files",
        "/.uploadsvc-files/",
        "/.uploadsvc-refused/400",
    ]

    assert {way: status(ask(nginx.port, get(way))) for way in ways} == dict.fromkeys(ways, 404)


def test_a_location_that_is_not_internal_gives_the_files_to_all(program):
    with running_nginx(program("nginx"), without="internal;") as careless:
        link = careless.store(LARGE, "a.bin")
        (careless.path(link).parent / "link.bin").symlink_to("/etc/hostname")
        followed = internal(link).replace("a.bin", "link.bin")

        assert fetch(f"{careless.url}{internal(link)}").body == LARGE
        assert fetch(f"{careless.url}{followed}").status == 404


def test_without_the_line_about_links_they_are_followed(program):
    with running_nginx(program("nginx"), without="internal;|disable_symlinks ") as careless:
        link = careless.store(LARGE, "a.bin")
        (careless.path(link).parent / "link.bin").symlink_to("/etc/hostname")

        assert fetch(f"{careless.url}{internal(link)}".replace("a.bin", "link.bin")).status == 200


def test_a_link_in_a_folder_is_not_there(nginx):
    link = nginx.store(LARGE, "a.bin")
    (nginx.path(link).parent / "link.bin").symlink_to("/etc/hostname")

    assert fetch(link.replace("a.bin", "link.bin")).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../State",
        "/..%2f..%2f.uploadsvc",
        "/FOLDER/..%2f..%2f..%2f.uploadsvc",
        "//FOLDER/a.bin",
        "/FOLDER//a.bin",
        "/FOLDER/a.bin/",
        "/FOLDER/a.bin%00",
        "/FOLDER/a%2ebin%2f",
        "/FOLDER/",
        "/FOLDER",
        "/",
        "",
    ],
)
def test_tricks_with_the_path_lead_nowhere(nginx, path):
    folder = nginx.store(LARGE, "a.bin").split("/")[-2]
    answer = ask(nginx.port, get(STORAGE_PATH + path.replace("FOLDER", folder)))

    assert status(answer) in (400, 404)
    assert LARGE[:100] not in answer


# What clients say of themselves


FORGED = {
    "X-Accel-Redirect": "/.uploadsvc-files/",
    "X-Sendfile": "/etc/hostname",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "192.0.2.1",
    "Forwarded": "for=192.0.2.1;host=evil.example;proto=https",
    "X_Forwarded_Host": "evil.example",
}


def upload_as(url, source="127.0.0.1", **headers):
    """Upload from a loopback address of one's choice."""
    kind, body = file_form(b"x")
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname, parts.port, timeout=30, source_address=(source, 0)
    )
    with contextlib.closing(connection):
        told = {"Content-Type": kind} | JSON | headers
        connection.request("POST", "/sendfile", body, told)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location")


def test_what_a_client_says_of_where_it_came_from_is_not_believed(nginx):
    code, link = upload_as(nginx.url, **FORGED)
    direct = upload_as(nginx.service.url, **FORGED)[1]

    assert (code, link.rpartition(STORAGE_PATH)[0]) == (201, nginx.url)
    assert direct.startswith("https://evil.example/"), "the check cannot fail"


def test_a_client_cannot_ask_for_a_file_by_a_header(nginx):
    link = nginx.store(LARGE, "a.bin")
    lines = [f"{name}: {value}" for name, value in FORGED.items()]
    answer = ask(nginx.port, get(urlsplit(link).path, *lines))
    nothing = ask(nginx.port, get(f"{STORAGE_PATH}/AAAAAAAA/none.txt", *lines))

    assert answer.endswith(LARGE)
    assert status(nothing) == 404


def test_uploads_are_counted_for_the_client_and_not_for_nginx(program):
    with running_nginx(program("nginx"), uploads_per_minute=1) as nginx:
        answers = [
            upload_as(nginx.url, "127.0.0.2")[0],
            upload_as(nginx.url, "127.0.0.3")[0],
            upload_as(nginx.url, "127.0.0.2")[0],
            upload_as(nginx.url, "127.0.0.2", **{"X-Forwarded-For": "192.0.2.1"})[0],
        ]

    assert answers == [201, 201, 429, 429]


# Errors of nginx, and its log


def test_what_nginx_refuses_by_itself_is_one_plain_sentence_that_nobody_keeps(program):
    with running_nginx(program("nginx")) as nginx:
        requests = {
            400: b"GET / HTTP/1.1\r\n\r\n",
            404: get("/.uploadsvc-files/a.html"),
            405: b"TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            413: b"POST /sendfile HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n",
            414: get("/" + "x" * 50_000),
        }
        answers = {code: ask(nginx.port, request) for code, request in requests.items()}
        answers[400, "long"] = ask(nginx.port, get("/", "X-Long: " + "x" * 50_000))
        nginx.service.kill()
        answers[502] = ask(nginx.port, get("/healthz"))

    for code, answer in answers.items():
        head, _, body = answer.partition(b"\r\n\r\n")
        assert status(answer) == (code if isinstance(code, int) else code[0])
        assert b"\r\nCache-Control: no-store\r\n" in head + b"\r\n"
        assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in head + b"\r\n"
        assert b"\r\nX-Content-Type-Options: nosniff" in head
        assert b"\r\nServer: nginx\r\n" in head, "no version"
        assert body.count(b"\n") == 1
        assert b"<" not in body


def test_the_logs_hold_no_link_no_contact_and_no_query(program):
    with running_nginx(program("nginx"), send_files="x-accel-redirect") as nginx:
        link = nginx.store(LARGE, "secret-name.txt", to="romeo@montague.example")
        folder = link.split("/")[-2]
        path = urlsplit(link).path
        fetch(link)
        fetch(f"{nginx.url}/getpreview?addr={quote(link, safe='')}")
        for way in (path.replace("wsgi", "%77sgi"), f"/{path}", f"/x{path}", internal(link)):
            ask(nginx.port, get(way))
        nginx.path(link).chmod(0)
        fetch(link)
        nginx.service.kill()
        fetch(link)
        log = nginx.log

        assert f'"GET {STORAGE_PATH}/{folder[:3]}... HTTP/1.1" 200 {len(LARGE)} ' in log
        assert '"GET /getpreview HTTP/1.1" ' in log
        assert log.count('"GET - HTTP/1.1" ') == 4
        for secret in (folder, "secret-name", "romeo"):
            assert secret not in log + nginx.error_log


def test_who_watches_is_not_in_the_log(nginx):
    assert fetch(f"{nginx.url}/healthz").body == b"ok\n"
    assert "/healthz" not in nginx.log
