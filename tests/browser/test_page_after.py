"""What the page offers for a file that is uploaded: a chosen life, and deletion."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from browser.tab import a_file, a_picture, button, choose, item, link, stored
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.browser


def delete(tab, name):
    button(tab, "Delete", name).click()
    button(tab, "Delete now", name).click()


def test_a_second_press_deletes_the_file_for_everybody(visit, service):
    tab = visit()
    choose(tab, a_picture("unwanted.jpg"))
    expect(item(tab, "unwanted.jpg").locator("img")).to_be_visible()
    address = link(tab, "unwanted.jpg").get_attribute("href")
    button(tab, "Delete", "unwanted.jpg").press("Enter")

    expect(tab.get_by_role("status")).to_have_text("Press again to delete unwanted.jpg")
    expect(button(tab, "Delete now", "unwanted.jpg")).to_be_focused()
    assert tab.request.get(address).status == 200
    button(tab, "Delete now", "unwanted.jpg").press("Enter")
    expect(item(tab, "unwanted.jpg")).to_contain_text("· deleted")
    expect(item(tab, "unwanted.jpg").get_by_role("link")).to_have_count(0)
    expect(item(tab, "unwanted.jpg").locator("img")).to_have_count(0)
    expect(button(tab, "Remove", "unwanted.jpg")).to_be_focused()
    assert tab.request.get(address).status in (404, 410)
    assert stored(service, "unwanted.jpg") is None


def test_one_press_alone_deletes_nothing_and_is_forgotten(visit, service):
    tab = visit("about:blank")
    tab.clock.install()
    tab.goto(service.url + "/")
    choose(tab, a_file("wanted.txt"))
    button(tab, "Delete", "wanted.txt").click()
    expect(button(tab, "Delete now", "wanted.txt")).to_be_visible()
    tab.clock.fast_forward(10_000)

    expect(button(tab, "Delete", "wanted.txt")).to_be_visible()
    button(tab, "Delete", "wanted.txt").click()
    button(tab, "Copy link", "wanted.txt").focus()
    expect(button(tab, "Delete", "wanted.txt")).to_be_visible()
    assert stored(service, "wanted.txt") == b"some bytes"


def test_what_cannot_be_deleted_now_says_so_and_can_be_later(visit, service):
    tab = visit()
    tab.route("**/delete/**", lambda route: route.abort(), times=1)
    choose(tab, a_file("sticky.txt"))
    delete(tab, "sticky.txt")

    expect(item(tab, "sticky.txt")).to_contain_text("Not deleted. The connection was lost.")
    expect(link(tab, "sticky.txt")).to_be_visible()
    delete(tab, "sticky.txt")
    expect(item(tab, "sticky.txt")).to_contain_text("· deleted")
    assert stored(service, "sticky.txt") is None


def test_what_is_gone_already_counts_as_deleted(visit, service):
    tab = visit()
    choose(tab, a_file("twice.txt"))
    expect(link(tab, "twice.txt")).to_be_visible()
    [path] = service.storage.glob("*/twice.txt")
    path.unlink()
    delete(tab, "twice.txt")

    expect(item(tab, "twice.txt")).to_contain_text("· deleted")
    tab.complaints.clear()  # the browser tells of the file that is not there


def test_an_address_for_deleting_that_leads_nowhere_is_not_taken_for_success(visit, service):
    tab = visit()
    tab.route("**/delete/**", lambda route: route.fulfill(status=404, body="nothing here"))
    choose(tab, a_file("still.txt"))
    delete(tab, "still.txt")

    expect(item(tab, "still.txt")).to_contain_text("Not deleted.")
    assert stored(service, "still.txt") == b"some bytes"


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.example/delete/x/y?token=z", "//elsewhere.example/x", "javascript:1", None],
)
def test_only_an_address_of_the_same_origin_is_taken_for_deleting(visit, address):
    tab = visit()

    def tell(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"delete": address})

    tab.route("**/info", tell)
    choose(tab, a_file("note.txt"))

    expect(button(tab, "Copy link", "note.txt")).to_be_visible()
    expect(button(tab, "Delete", "note.txt")).to_be_hidden()


def test_a_shorter_life_can_be_chosen(visit, service):
    tab = visit()
    choose(tab, a_file("day.txt"))
    tab.get_by_label("Keep for").select_option("10 minutes")
    choose(tab, a_file("short.txt"))

    expect(item(tab, "short.txt")).to_contain_text(re.compile(r"gone in (10|9) minutes"))
    expect(item(tab, "day.txt")).to_contain_text(re.compile("gone (today|tomorrow) at"))
    head = tab.request.head(link(tab, "short.txt").get_attribute("href"))
    assert 0 < int(re.search(r"max-age=(\d+)", head.headers["cache-control"])[1]) <= 600


def test_the_chosen_life_is_that_of_the_moment_a_file_was_chosen(visit):
    tab = visit()
    held = []
    tab.route("**/files/", lambda route: held.append(route), times=1)
    tab.get_by_label("Keep for").select_option("1 hour")
    choose(tab, a_file("hour.txt"))
    assert eventually(lambda: tab.evaluate("1") and held)
    tab.get_by_label("Keep for").select_option("10 minutes")
    held[0].continue_()

    expect(link(tab, "hour.txt")).to_be_visible()
    gone = item(tab, "hour.txt").locator("time").get_attribute("datetime")
    left = datetime.fromisoformat(gone) - datetime.now(UTC)
    assert timedelta(minutes=58) < left <= timedelta(hours=1)


NAMES = [
    "empty.txt",
    "grüße, 漢字 & 🦊.txt",
    "a b+c%20d.txt",
    ".hidden",
    "x" * 200 + ".txt",
    "'\"\\.txt",
]


def test_files_of_all_names_and_an_empty_one_come_in(visit, service):
    tab = visit()
    choose(tab, *(a_file(name, b"" if name == "empty.txt" else name.encode()) for name in NAMES))

    expect(tab.locator("[data-state=done]")).to_have_count(len(NAMES))
    assert stored(service, "empty.txt") == b""
    for shown in tab.locator("[data-state=done]").all():
        name = shown.locator("bdi").text_content()
        answer = tab.request.get(shown.get_by_role("link").get_attribute("href"))
        assert answer.status == 200
        if name != "empty.txt":
            assert answer.body().decode()[:20].lstrip("'\"\\") == name[:20].lstrip("'\"\\_")


def test_uploads_may_be_at_another_path(visit, tmp_path):
    with running_service(tmp_path, disk_floor=0, tus_path="/my/uploads") as elsewhere:
        tab = visit(elsewhere.url + "/")
        choose(tab, a_file("note.txt"))

        expect(link(tab, "note.txt")).to_be_visible()
        assert stored(elsewhere, "note.txt") == b"some bytes"
        tab.context.close()


def test_it_works_behind_a_proxy_with_a_path_before_it(visit, service):
    tab = visit("about:blank")

    def without_prefix(route):
        answer = route.fetch(url=route.request.url.replace("/chat/", "/"), max_redirects=0)
        route.fulfill(response=answer)

    tab.route("**/chat/**", without_prefix)
    tab.goto(service.url + "/chat/")
    choose(tab, a_file("prefixed.txt"))

    expect(link(tab, "prefixed.txt")).to_be_visible()
    assert stored(service, "prefixed.txt") == b"some bytes"
