"""The page when something goes wrong: what it says, and how a person goes on from there."""

import json
import re
import threading
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from browser.tab import a_file, begun, button, choose, item, link, stored
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A service that takes no more than 1000 bytes."""
    with running_service(tmp_path_factory.mktemp("small"), max_upload=1000) as service:
        yield service


def slow_down(tab, bytes_per_second):
    tab.context.new_cdp_session(tab).send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 0,
            "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second,
        },
    )


def test_a_file_one_byte_too_large_is_refused_in_words_before_it_is_sent(visit, small):
    tab = visit(small.url + "/")
    posted = []
    tab.on("request", lambda request: request.method == "POST" and posted.append(request.url))

    choose(tab, a_file("fits.bin", b"x" * 1000), a_file("large.bin", b"x" * 1001))

    expect(item(tab, "large.bin")).to_contain_text("too large. The limit is 1 kB.")
    expect(link(tab, "fits.bin")).to_be_visible()
    assert len(posted) == 1


def test_what_the_service_refuses_is_shown_in_its_words(visit, small):
    tab = visit("about:blank")
    tab.route("**/", _believing_in_a_larger_limit)
    tab.goto(small.url + "/")

    with tab.expect_response("**/files/") as answer:
        choose(tab, a_file("large.bin", b"x" * 100_000))

    detail = answer.value.json()["detail"].rstrip(".")
    expect(item(tab, "large.bin")).to_contain_text(detail, ignore_case=True)
    assert answer.value.status == 413


def test_a_service_that_is_full_says_so_and_takes_the_file_when_there_is_room(visit, tmp_path):
    with running_service(tmp_path, max_stored=1000, disk_floor=0) as full:
        tab = visit("about:blank")
        tab.clock.install()
        tab.goto(full.url + "/")
        choose(tab, a_file("first.bin", b"x" * 900))
        expect(link(tab, "first.bin")).to_be_visible()
        choose(tab, a_file("second.bin", b"y" * 900))

        expect(item(tab, "second.bin")).to_contain_text(
            re.compile(r"No more files can be kept .*\. It goes on by itself at \d+:\d\d\.")
        )
        button(tab, "Delete", "first.bin").click()
        button(tab, "Delete now", "first.bin").click()
        expect(item(tab, "first.bin")).to_contain_text("deleted")
        tab.clock.fast_forward("15:00")
        expect(link(tab, "second.bin")).to_be_visible()
        assert stored(full, "second.bin") == b"y" * 900
        tab.context.close()


def test_whoever_uploads_too_often_is_told_that_it_goes_on(visit, tmp_path):
    with running_service(tmp_path, uploads_per_minute=1, disk_floor=0) as busy:
        tab = visit("about:blank")
        tab.clock.install()
        tab.goto(busy.url + "/")
        # Three, since a new minute may begin among them.
        choose(tab, *(a_file(f"{number}.bin") for number in range(3)))

        refused = tab.get_by_text("Too many uploads in a minute. It goes on by itself.")
        expect(refused.first).to_be_visible()
        tab.context.close()


def _believing_in_a_larger_limit(route):
    answer = route.fetch()
    said, believed = 'data-max-upload="1000"', 'data-max-upload="1000000"'
    route.fulfill(response=answer, body=answer.text().replace(said, believed))


REFUSALS = {
    "too large": (413, "the file is larger than 5 MB", "The file is larger than 5 MB."),
    "malformed": (400, "a name is missing.", "A name is missing."),
    "not allowed": (403, "not from here", "Not from here."),
    "of a wrong type": (415, "no films, please", "No films, please."),
    "a proxy's own": (413, None, "This file is too large for the server."),
    "a surprise": (418, None, "The server's answer was no use (418)."),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_is_refused_is_shown_in_words_and_trying_again_works(visit, service, refusal, method):
    status, detail, words = refusal
    tab = visit()
    answer_once(tab, method, status, body=problem(status, detail))
    choose(tab, a_file(f"{method}{status}.txt"))

    expect(item(tab, f"{method}{status}.txt")).to_contain_text(words)
    expect(tab.get_by_role("status")).to_contain_text(f"is not uploaded. {words}")
    button(tab, "Try again", f"{method}{status}.txt").click()
    expect(link(tab, f"{method}{status}.txt")).to_be_visible()
    expect(item(tab, f"{method}{status}.txt").locator(".problem")).to_be_hidden()


PASSING = {
    "too many": (
        429,
        7,
        "too many uploads from this address",
        "Too many uploads from this address.",
    ),
    "busy": (503, 1, "too many uploads are running.", "Too many uploads are running."),
    "full": (507, 0, "there is no room left", "There is no room left."),
    "a proxy's own": (502, 0, None, "The service cannot be reached at the moment."),
    "an accident": (500, 0, "something went wrong here", "Something went wrong here."),
    "another request": (423, 0, "another request has it", "The upload was interrupted."),
    "no answer": (None, 0, None, "The connection was lost."),
}


@pytest.mark.parametrize("reason", PASSING.values(), ids=PASSING)
def test_where_waiting_helps_the_page_says_why_and_goes_on_by_itself(visit, service, reason):
    status, seconds, detail, words = reason
    tab = visit("about:blank")
    tab.clock.install()
    tab.goto(service.url + "/")
    tab.clock.pause_at(datetime.now() + timedelta(hours=1))
    headers = {"Retry-After": str(seconds)} if seconds else {}
    answer_once(tab, "PATCH", status, headers=headers, body=problem(status, detail))
    choose(tab, a_file("note.txt"))

    expect(item(tab, "note.txt")).to_contain_text(f"{words} It goes on by itself.")
    expect(tab.get_by_role("status")).to_contain_text(f"note.txt: {words}")
    tab.clock.run_for(11_000)
    expect(link(tab, "note.txt")).to_be_visible()
    expect(item(tab, "note.txt").locator(".problem")).to_be_hidden()


def test_where_a_request_was_sent_twice_it_goes_on_at_once(visit, service):
    tab = visit("about:blank")
    tab.clock.install()
    tab.goto(service.url + "/")
    # No timer fires from here on.
    tab.clock.pause_at(datetime.now() + timedelta(hours=1))
    answer_once(tab, "PATCH", 409, body=problem(409, "the upload is at 7"))
    choose(tab, a_file("note.txt"))

    expect(link(tab, "note.txt")).to_be_visible()


def answer_once(tab, method, status, *, headers=None, body=""):
    """Answer one request to the uploads in the place of the service; None breaks it off."""
    left = [status]

    def answer(route):
        if route.request.method != method or not left:
            route.continue_()
        elif left.pop() is None:
            route.abort()
        else:
            route.fulfill(status=status, headers=headers or {}, body=body)

    tab.route("**/files/**", answer)


def problem(status, detail):
    return json.dumps({"status": status, "detail": detail}) if detail else "<h1>Error</h1>"


def test_all_that_failed_are_tried_again_at_once(visit):
    tab = visit()
    tab.route("**/files/", lambda route: route.fulfill(status=400), times=2)
    choose(tab, a_file("a.txt"), a_file("b.txt"))
    expect(tab.locator("[data-state=failed]")).to_have_count(2)

    tab.get_by_role("button", name="Try all again").click()

    expect(tab.locator("[data-state=done]")).to_have_count(2)


def test_what_failed_can_be_removed_and_the_focus_stays_on_the_page(visit):
    tab = visit()
    tab.route("**/files/", lambda route: route.fulfill(status=400), times=1)
    choose(tab, a_file("note.txt"))

    button(tab, "Remove", "note.txt").press("Enter")

    expect(tab.get_by_role("listitem")).to_have_count(0)
    expect(tab.locator("#files")).to_be_focused()


def test_the_progress_of_a_running_upload_is_shown_and_it_can_be_cancelled(visit, service):
    tab = visit()
    slow_down(tab, 50_000)
    choose(tab, a_file("long.bin", b"x" * 4_000_000))

    bar = tab.get_by_role("progressbar", name="Upload of long.bin")
    expect(item(tab, "long.bin")).to_contain_text(re.compile(r"· [1-9]\d? %"))
    assert 0 < float(bar.evaluate("bar => bar.value")) < 1
    button(tab, "Cancel", "long.bin").press("Enter")

    expect(bar).to_be_hidden()
    expect(item(tab, "long.bin")).to_contain_text("cancelled")
    expect(button(tab, "Try again", "long.bin")).to_be_focused()
    slow_down(tab, -1)
    choose(tab, a_file("next.txt"))
    expect(link(tab, "next.txt")).to_be_visible()
    assert eventually(lambda: not begun(service, "long.bin"))
    assert stored(service, "long.bin") is None
    assert stored(service, "next.txt") is not None


def test_three_files_are_sent_at_a_time_and_a_waiting_one_can_be_cancelled(visit):
    tab = visit()
    held, go = [], threading.Event()

    def hold(route):
        if go.is_set():
            route.continue_()
        else:
            held.append(route)

    tab.route("**/files/", hold)
    choose(tab, *(a_file(f"{n}.txt") for n in range(6)))

    expect(tab.locator("[data-state=sending]")).to_have_count(3)
    expect(tab.locator("[data-state=waiting]")).to_have_count(3)
    button(tab, "Cancel", "4.txt").click()
    go.set()
    for route in held:
        route.continue_()
    expect(tab.locator("[data-state=done]")).to_have_count(5)
    expect(item(tab, "4.txt")).to_contain_text("cancelled")
