"""What strangers store never runs in a browser, however it is called and opened."""

import pytest
from playwright.sync_api import Error

from clients import upload
from waiting import eventually

pytestmark = pytest.mark.browser

# A request for this path is what shows that a script ran.
MARK = "/it-ran"
SCRIPT = f"fetch('{MARK}');new Image().src='{MARK}';document.title='ran'"
HTML = f'<!doctype html><html><body onload="{SCRIPT}"><script>{SCRIPT}</script></body></html>'
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" '
    f'onload="{SCRIPT}"><script>{SCRIPT}</script></svg>'
)
XML = (
    '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'
    f"<script>{SCRIPT}</script></html>"
)
CONTENTS = {
    "html htm xhtml xht shtml mhtml mht hta htc php phtml asp jsp cgi": HTML,
    "svg svgz": SVG,
    "xml xsl xslt rdf atom rss mathml xhtml xht": XML,
    "js mjs css swf pdf jar class json txt md csv ics manifest wasm": SCRIPT,
    "png jpg gif webp bmp avif ico mp4 mp3 ogg webm": HTML,
}
POLYGLOTS = {
    "gif-and-script.gif": b"GIF89a/*" + b"\0" * 10 + b"*/=1;" + SCRIPT.encode(),
    "gif-and-html.gif": b"GIF89a" + b"\1\0\1\0\0\0\0" + HTML.encode(),
    "png-and-html.png": b"\x89PNG\r\n\x1a\n" + HTML.encode(),
    "jpeg-and-html.html": b"\xff\xd8\xff\xfe" + HTML.encode(),
    "pdf-and-script.pdf": b"%PDF-1.4\n/OpenAction <</S/JavaScript/JS(" + SCRIPT.encode() + b")>>",
    "utf-7.html": HTML.replace("<", "+ADw-").replace(">", "+AD4-").encode(),
    "no-extension": HTML.encode(),
    "bom.txt": b"\xfe\xff" + HTML.encode("utf-16-be"),
}


def everything():
    for extensions, content in CONTENTS.items():
        for extension in extensions.split():
            yield f"active.{extension}", content.encode()
    yield from POLYGLOTS.items()


@pytest.fixture
def watched(browser):
    """A tab, and the requests by which scripts in it showed that they ran."""
    context, ran = browser.new_context(), []
    context.on("request", lambda request: request.url.endswith(MARK) and ran.append(request))
    tab = context.new_page()
    tab.route("**/naive.html", lambda route: route.fulfill(body=HTML, content_type="text/html"))
    tab.route("**/pace.html", lambda route: route.fulfill(body=PACE, content_type="text/html"))
    yield tab, ran
    context.close()


def test_nothing_that_was_stored_runs(watched, service, figure):
    tab, ran = watched
    files = list(everything())
    links = [upload(service.url, data, filename=name).json["link"] for name, data in files]
    for link in links:
        open_in(tab, link)
        assert tab.title() != "ran", link
    tab.goto(service.url + "/healthz")
    for link in links:
        embed(tab, link)
    # The naive page, begun after all of them, has run: so had they, if they could.
    embed(tab, service.url + "/naive.html")
    assert eventually(lambda: ways_that_ran(tab, ran) == len(WAYS))

    assert {request.frame.url for request in ran} == {service.url + "/naive.html"}
    figure("stored active content in a browser", "0 runs", f"0 of {len(files)} ran")


def test_the_same_page_served_naively_runs_when_it_is_opened(watched, service):
    tab, ran = watched
    open_in(tab, service.url + "/naive.html")

    assert tab.title() == "ran"
    assert ran


def test_the_same_page_served_naively_runs_in_every_way_to_embed_it(watched, service):
    tab, ran = watched
    tab.goto(service.url + "/healthz")
    embed(tab, service.url + "/naive.html")

    assert eventually(lambda: ways_that_ran(tab, ran) == len(WAYS))


def ways_that_ran(tab, ran):
    """In how many frames a script ran, by what the browser has told until now."""
    tab.evaluate("1")
    return len({request.frame for request in ran})


WAYS = {"iframe": "src", "object": "data", "embed": "src"}

# What is no page is saved instead, and no event tells of that. So each file is given the time
# that a page begun after it takes to run, to ask the service something and to be answered.
PACE = "<script>fetch('/healthz').then(() => parent.postMessage('done', '*'))</script>"
EMBED = """elements => new Promise(done => {
    addEventListener("message", done, { once: true });
    for (const [tag, key, link] of elements) {
        const element = document.createElement(tag);
        element[key] = link;
        document.body.append(element);
    }
})"""


def embed(tab, link):
    """Frame and embed a link in a page of the service's own origin."""
    elements = [[tag, key, link] for tag, key in WAYS.items()]
    tab.evaluate(EMBED, [*elements, ["iframe", "src", "/pace.html"]])


def open_in(tab, link):
    """Open a link as a person does; a download is as good an end as a page."""
    try:
        tab.goto(link, wait_until="load")
    except Error as error:
        if "Download" not in str(error) and "ERR_ABORTED" not in str(error):
            raise
