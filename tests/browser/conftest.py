"""A real browser, looking at the real service."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from servers import running_service

# Without these Chromium does not start as root, and looks for its maker's hosts at each start.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A name that is not loopback: browsers count it as insecure, as they do a chat server on http.
    "--host-resolver-rules=MAP plain.test 127.0.0.1",
]

expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def launch(program):
    """`launch("--option")` starts Chromium, which lives until the session ends."""
    with sync_playwright() as playwright:
        path, kind = program("chromium"), playwright.chromium

        def start(*args):
            return kind.launch(executable_path=path, args=[*QUIET, *args])

        start.kind = kind
        yield start


@pytest.fixture(scope="session")
def browser(launch):
    return launch()


@pytest.fixture(scope="session")
def profile(launch, program):
    """`profile(folder)` is a browser that keeps in the folder what it knows, to be closed."""
    return lambda folder: launch.kind.launch_persistent_context(
        folder, executable_path=program("chromium"), args=QUIET
    )


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture
def visit(browser, service):
    """
    `visit()` opens the page in a browser of its own and returns the tab.

    The browser must have nothing to complain of at the end: no error in a script, nothing that
    the security policy refused, nothing missing but what the tests make fail on purpose.
    """
    contexts, complaints = [], []

    def open_page(url=service.url + "/", **options):
        options = {"locale": "en-GB", "timezone_id": "Europe/Berlin"} | options
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda message: complaints.extend(_complaint(message)))
        tab.complaints = complaints
        tab.goto(url)
        return tab

    yield open_page

    for context in contexts:
        context.close()
    assert complaints == []


def _complaint(message):
    path = urlsplit(message.location["url"]).path
    refused = path.endswith("/getpreview") or "/files/" in path or "/delete/" in path
    if message.type in ("error", "warning") and not refused:
        yield message.text
