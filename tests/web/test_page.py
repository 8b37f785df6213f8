"""The endpoint of the page: what is served at `/` and below `/static/`."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from webtest import TestApp

from uploadsvc.errors import Missing
from uploadsvc.web.errors import MethodNotAllowed
from uploadsvc.web.page import page

DAY = timedelta(days=1)
STATICS = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "card.js": "text/javascript",
    "claims.js": "text/javascript",
    "copying.js": "text/javascript",
    "going.js": "text/javascript",
    "item.js": "text/javascript",
    "kept.js": "text/javascript",
    "tus.js": "text/javascript",
    "words.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class Elements(HTMLParser):
    """The elements of a page, as a browser would understand them."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def addresses(self):
        return [
            value
            for _, attrs in self.elements
            for name, value in attrs.items()
            if name in ("href", "src", "action", "data-uploads", "data-preview")
        ]


@pytest.fixture
def client():
    return TestApp(page(max_upload=100_000_000, keep=DAY))


def body(answer):
    [attrs] = [attrs for tag, attrs in Elements(answer.text).elements if tag == "body"]
    return attrs


def test_the_page_is_html_in_utf_8(client):
    answer = client.get("/")

    assert answer.content_type == "text/html"
    assert answer.charset.lower() == "utf-8"
    assert answer.text.startswith("<!doctype html>")


def test_the_page_knows_the_largest_file_and_where_to_send_it():
    client = TestApp(
        page(max_upload=5_000, keep=DAY, tus_path="/put", preview_path="/small/picture")
    )

    attrs = body(client.get("/"))

    assert attrs["data-max-upload"] == "5000"
    assert attrs["data-uploads"] == "put/"
    assert attrs["data-preview"] == "small/picture"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1 kB"),
        (1_500_000, "1.5 MB"),
        (100_000_000, "100 MB"),
        (104_857_600, "105 MB"),
        (999_600_000, "1 GB"),
        (5_000_000_000_000, "5 TB"),
    ],
)
def test_the_largest_file_is_said_in_words(size, words):
    client = TestApp(page(max_upload=size, keep=DAY))

    assert f"Up to {words} each" in client.get("/").text


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (timedelta(days=1), "1 day"),
        (timedelta(days=7), "7 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=5), "5 seconds"),
    ],
)
def test_how_long_files_live_is_said_in_words(keep, words):
    text = TestApp(page(max_upload=1, keep=keep)).get("/").text

    assert f'<time datetime="PT{int(keep.total_seconds())}S">{words}</time>' in text


@pytest.mark.parametrize(
    ("keep", "choice"),
    [
        (
            timedelta(days=1),
            {"": "1 day", "21600": "6 hours", "3600": "1 hour", "600": "10 minutes"},
        ),
        (timedelta(minutes=90), {"": "90 minutes", "3600": "1 hour", "600": "10 minutes"}),
        (timedelta(hours=1), {"": "1 hour", "600": "10 minutes"}),
        (timedelta(minutes=10), {}),
    ],
)
def test_a_life_can_be_chosen_that_is_shorter_than_that_of_the_setting(keep, choice):
    text = TestApp(page(max_upload=1, keep=keep)).get("/").text

    assert dict(re.findall(r'<option value="(\d*)">([^<]+)</option>', text)) == choice
    assert ("Keep for" in text) == bool(choice)


def test_what_is_written_into_the_page_is_escaped():
    hostile = '"><script>alert(1)</script>'
    client = TestApp(page(max_upload=1, keep=DAY, tus_path="/" + hostile))

    answer = client.get("/", extra_environ={"HTTP_HOST": hostile})

    assert body(answer)["data-uploads"] == hostile + "/"
    scripts = [attrs for tag, attrs in Elements(answer.text).elements if tag == "script"]
    assert len(scripts) == 1


def test_a_template_that_does_not_escape_would_be_noticed():
    hostile = '"><script>alert(1)</script>'

    naive = f'<body data-uploads="{hostile}"><script src="static/page.js"></script>'

    assert [tag for tag, _ in Elements(naive).elements].count("script") == 2


def test_every_address_is_relative(client):
    addresses = Elements(client.get("/").text).addresses()

    assert len(addresses) >= 6
    assert [a for a in addresses if a.startswith("/") or ":" in a] == []


def test_it_works_below_a_prefix(client):
    below = {"SCRIPT_NAME": "/chat/files"}

    answer = client.get("/", extra_environ=below)

    assert "http://localhost/chat/files/sendfile" in answer.text
    client.get("/static/page.js", extra_environ=below, status=200)


def test_the_mount_point_without_its_slash_leads_to_the_page(client):
    answer = client.get("", extra_environ={"SCRIPT_NAME": "/chat"}, status=301)

    assert answer.location == "http://localhost/chat/"


def test_everything_the_page_loads_is_there(client):
    loaded = set(re.findall(r"static/[^\"]+", client.get("/").text))

    assert {address.split("?")[0] for address in loaded} == {f"static/{name}" for name in STATICS}
    for address in loaded:
        client.get("/" + address, status=200)


def test_every_module_that_a_script_imports_is_there_and_begun_with_the_page(client):
    text = client.get("/").text
    for name in (name for name in STATICS if name.endswith(".js")):
        script = client.get(f"/static/{name}").text
        for imported in re.findall(r'from "([^"]+)"', script):
            assert imported.startswith("./")
            assert f'<link rel="modulepreload" href="static/{imported[2:]}">' in text


@pytest.mark.parametrize(("name", "media_type"), STATICS.items())
def test_each_part_has_its_type(client, name, media_type):
    answer = client.get(f"/static/{name}")

    assert answer.content_type == media_type
    assert answer.content_length == len(answer.body) > 0


@pytest.mark.parametrize("path", ["/", *(f"/static/{name}" for name in STATICS)])
def test_what_is_unchanged_is_not_sent_again(client, path):
    first = client.get(path)

    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]}, status=304)

    assert again.body == b""
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]


def test_the_page_is_asked_for_anew_and_its_parts_are_kept(client):
    front = client.get("/")
    versioned = re.search(r"static/page\.js\?v=\w+", front.text)[0]

    assert front.headers["Cache-Control"] == "no-cache"
    assert "immutable" in client.get("/" + versioned).headers["Cache-Control"]


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789abcdef"])
def test_the_address_of_another_version_is_not_kept(client, query):
    answer = client.get("/static/page.js" + query)

    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/static/icon.svg"])
def test_nothing_but_the_page_itself_may_run(client, path):
    headers = client.get(path).headers

    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_there_is_no_inline_script_or_style(client):
    elements = Elements(client.get("/").text).elements

    assert [attrs["src"] for tag, attrs in elements if tag == "script"] != []
    assert [tag for tag, _ in elements if tag == "style"] == []
    assert [n for _, attrs in elements for n in attrs if n == "style" or n.startswith("on")] == []


@pytest.mark.parametrize("path", ["/", "/static/page.css"])
def test_head_is_get_without_the_body(client, path):
    get, head = client.get(path), client.head(path)

    assert head.body == b""
    assert head.headers["Content-Length"] == str(len(get.body))
    assert head.headers["ETag"] == get.headers["ETag"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/static/page.js"])
def test_other_methods_are_refused_with_those_that_work(client, method, path):
    with pytest.raises(MethodNotAllowed) as refused:
        client.request(path, method=method)

    assert refused.value.allowed == ("GET", "HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/other",
        "/static",
        "/static/",
        "/static/other.js",
        "/static/../templates/page.html",
        "/static/..%2f..%2fapp.py",
        "/static/page.js/",
        "/index.html",
    ],
)
def test_every_other_path_is_missing(client, path):
    with pytest.raises(Missing):
        client.get(path)


def test_without_a_script_the_page_says_how_to_send_a_file(client):
    text = client.get("/").text

    assert "<noscript>" in text
    assert "curl -H 'Accept: application/json'" in text
    assert "file1=@photo.jpg http://localhost/sendfile" in text
