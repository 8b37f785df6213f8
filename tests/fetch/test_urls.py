import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fetch.servers import PUBLIC
from uploadsvc.errors import BadInput, NotAllowed, UploadsvcError
from uploadsvc.fetch import Fetcher
from uploadsvc.fetch.urls import RemoteUrl


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://example.com", RemoteUrl("http", "example.com", 80, "/")),
        ("HTTPS://EXAMPLE.com/A?b=C", RemoteUrl("https", "example.com", 443, "/A?b=C")),
        ("http://example.com:8080?q", RemoteUrl("http", "example.com", 8080, "/?q")),
        ("http://example.com/a#secret", RemoteUrl("http", "example.com", 80, "/a")),
        ("http://8.8.8.8/", RemoteUrl("http", "8.8.8.8", 80, "/")),
        ("http://[2606:4700:0::1111]/", RemoteUrl("http", "2606:4700::1111", 80, "/")),
        ("http://my_bucket.example.com/", RemoteUrl("http", "my_bucket.example.com", 80, "/")),
        ("http://BÜCHER.example/", RemoteUrl("http", "xn--bcher-kva.example", 80, "/")),
        ("http://straße.example/", RemoteUrl("http", "xn--strae-oqa.example", 80, "/")),
        (
            "http://a.example/ü✓?q=ö",
            RemoteUrl("http", "a.example", 80, "/%C3%BC%E2%9C%93?q=%C3%B6"),
        ),
        ("http://a.example/%E2%9C%93", RemoteUrl("http", "a.example", 80, "/%E2%9C%93")),
        (
            'http://a.example/"<>^`{|}',
            RemoteUrl("http", "a.example", 80, "/%22%3C%3E%5E%60%7B%7C%7D"),
        ),
        ("http://a.example/100%", RemoteUrl("http", "a.example", 80, "/100%")),
        ("http://1.2.3.4.example.com/", RemoteUrl("http", "1.2.3.4.example.com", 80, "/")),
    ],
)
def test_a_url_has_one_reading(text, url):
    assert RemoteUrl.parse(text) == url


def test_a_url_reads_the_same_when_it_is_written_and_read_again():
    for text in ("http://[::1]:8080/a?b", "https://xn--bcher-kva.example/", "http://a.example:81/"):
        assert str(RemoteUrl.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "http", "example.com/a.png", "//example.com/", "/a", "http:", "http://", "http:///a"),
        *("http:/example.com", "http:example.com", "http:\\\\example.com", "http://?q", "://a"),
        *("http://a b/", " http://a/", "http://a/ ", "http://a/\tb", "http://a/\r\nX: y"),
        *(
            "http://a\x00.example/",
            "http://a/\x7f",
            "http://a/\x85",
            "http://a/\u2028",
            "http://a/\u3000",
        ),
        *(
            "http://a\\@b/",
            "http://a/b\\c",
            "http://u@a/",
            "http://u:p@a/",
            "http://@a/",
            "http://:80/",
        ),
        *(
            "http://a:/",
            "http://a:0/",
            "http://a:080/",
            "http://a:65536/",
            "http://a:-1/",
            "http://a:８０/",
        ),
        *(
            "http://a:80:80/",
            "http://a:b/",
            "http://a%2eb/",
            "http://a,b/",
            "http://*/",
            "http://a..b/",
        ),
        *(
            "http://a./",
            "http://127.0.0.1./",
            "http://./",
            "http://.a/",
            "http://-a/",
            "http://a-/",
        ),
        *(
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://0/",
        ),
        *(
            "http://127.0.0.0x1/",
            "http://1.2.3.4.5/",
            "http://a.1/",
            "http://a.0x/",
            "http://256.1.1.1/",
        ),
        *(
            "http://１２７.0.0.1/",
            "http://127。0。0。1/",
            "http://①②⑦.0.0.1/",
            "http://ａ.example/",
        ),
        *(
            "http://[::1%25lo]/",
            "http://[::1%lo]/",
            "http://[127.0.0.1]/",
            "http://[::1/",
            "http://::1/",
        ),
        *(
            "http://[::1]a/",
            "http://a[::1]/",
            "http://[]/",
            "http://[[::1]]/",
            "http://[::ffff:127.1]/",
        ),
        *("http://xn--a/", "http://xn--/", "http://a\u200bb.example/", "http://\u00ad.example/"),
        *("http://a/\ud800", "http://\ud800/", f"http://{'a' * 64}.example/"),
        *(f"http://{'a.' * 130}example/", "http://a/" + "a" * 8000, "http://a/\u010d\u010aX: y"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(text):
    with pytest.raises(BadInput):
        RemoteUrl.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("file:///etc/passwd", "ftp://a/", "gopher://a/", "data:image/png;base64,AA==", "blob:x"),
        *("javascript:alert(1)", "unix:///run/a.sock", "ws://a/", "httpx://a/", "FILE://a/"),
    ],
)
def test_other_schemes_are_not_allowed(text):
    with pytest.raises(NotAllowed):
        RemoteUrl.parse(text)


PIECES = [
    *"htp:/\\@.[]%#?019xaf-_ \t\n。．①ａßÜ\u200d\u0301\ud800\u010d\u010a",
    "xn--",
    "127.0.0.1",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30), st.text(max_size=5))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_is_accepted_is_ascii_and_reads_the_same_again(pieces, rest):
    try:
        url = RemoteUrl.parse("http://" + "".join(pieces) + rest)
    except (BadInput, NotAllowed):
        return

    assert str(url).isascii()
    assert RemoteUrl.parse(str(url)) == url


@pytest.mark.parametrize(
    ("reference", "joined"),
    [
        ("http://b.example/x", "http://b.example/x"),
        ("//b.example/x", "https://b.example/x"),
        ("/x?y", "https://a.example/x?y"),
        ("x", "https://a.example/one/x"),
        ("../x", "https://a.example/x"),
        ("?y", "https://a.example/one/two?y"),
        ("#there", "https://a.example/one/two?q"),
        ("/ö", "https://a.example/%C3%B6"),
    ],
)
def test_a_redirect_may_be_relative(reference, joined):
    assert str(RemoteUrl.parse("https://a.example/one/two?q").join(reference)) == joined


@pytest.mark.parametrize(
    "reference", ["http:x", "http:/x", "/a b", "/a\tb", "\\\\b\\c", "//u@b/", "//[b/"]
)
def test_an_odd_redirect_is_refused(reference):
    with pytest.raises(BadInput):
        RemoteUrl.parse("http://a.example/").join(reference)


class Recorder:
    """Stands at both ends of the way out: which name was asked for, which address dialled."""

    def __init__(self):
        self.asked, self.dialled = [], []

    def resolve(self, host, port):
        self.asked.append((host, port))
        return [PUBLIC]

    def dial(self, address, port, seconds):
        self.dialled.append((str(address), port))
        raise ConnectionRefusedError


def check_one_host(text):
    """Raise unless the text is refused, or its host is the one that is connected to."""
    recorder = Recorder()
    fetcher = Fetcher(resolve=recorder.resolve, dial=recorder.dial)
    with pytest.raises(UploadsvcError):
        fetcher.fetch(text, None)
    if recorder.dialled:
        url = RemoteUrl.parse(text)
        assert recorder.asked in ([], [(url.host, url.port)])
        dialled_host = PUBLIC if recorder.asked else url.host
        assert recorder.dialled == [(dialled_host, url.port)]
    return bool(recorder.dialled)


def test_fuzzed_urls_are_refused_or_lead_to_the_host_that_was_parsed(corpus):
    texts = [path.read_bytes().decode("latin-1") for path in corpus("ssrf").glob("gofuzz-url__*")]
    reached = [check_one_host(text) for text in (*texts, *map(str.strip, texts))]

    assert len(reached) > 50
    assert any(reached)
    assert not all(reached)


def test_urls_of_browsers_are_refused_or_mean_the_host_that_browsers_see(corpus):
    cases = json.loads((corpus("ssrf") / "wpt__urltestdata.json").read_text("utf-8"))
    cases = [case for case in cases if isinstance(case, dict)]
    reached = [case for case in cases if check_one_host(case["input"])]

    assert len(reached) > 20
    assert [case["input"] for case in reached if case.get("failure")] == []
    for case in reached:
        assert RemoteUrl.parse(case["input"]).host == case["hostname"].strip("[]")
