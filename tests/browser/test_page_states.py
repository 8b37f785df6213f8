"""Pictures of the page with a file in each state, for people to look at."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.tab import a_file, a_large_file, a_picture, begin, button, choose, item, link
from lossy import lossy
from servers import running_service

pytestmark = pytest.mark.browser

SHOTS = Path(__file__).resolve().parents[2] / "tests-out"
SLOW = 100_000
STATES = ["done", "deleted", "failed", "missing", "paused", "lost", "sending", "waiting"]
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}

# A browser that keeps no large files.
NO_FILES = """
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (value, ...key) {
        if (value instanceof File) throw new DOMException("no room", "QuotaExceededError");
        return put.call(this, value, ...key);
    };
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("states"), disk_floor=0) as service:
        yield service


@pytest.fixture
def network(service):
    with lossy(service.port) as network:
        yield network


def file_to_choose_again(tab, network, folder):
    network.rate = SLOW
    begin(tab, a_large_file(folder, "Talk on lighthouses.mp4"))
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.reload()
    expect(tab.get_by_text("Choose this file again to go on.")).to_be_visible()


def files_that_ended(tab, network):
    network.rate = 0
    tab.route("**/files/", lambda route: route.fulfill(status=413), times=1)
    choose(tab, a_file("Whole cellar.zip"))
    expect(tab.locator("[data-state=failed]")).to_be_visible()
    choose(tab, a_file("Old list.txt"))
    button(tab, "Delete", "Old list.txt").click()
    button(tab, "Delete now", "Old list.txt").click()
    expect(tab.locator("[data-state=deleted]")).to_be_visible()
    choose(tab, a_picture("Evening at the lake.jpg", "dusk", (1600, 1200)))
    expect(item(tab, "Evening").locator("img")).to_be_visible()


def files_under_way(tab, network, folder):
    network.rate = SLOW
    begin(tab, a_large_file(folder, "Harbour.mov"))
    button(tab, "Pause", "Harbour.mov").click()
    tab.clock.pause_at(datetime.now() + timedelta(hours=1))
    tab.route(
        "**/files/**",
        lambda route: route.abort() if route.request.method == "PATCH" else route.continue_(),
    )
    choose(tab, a_file("Notes of the meeting.odt", b"x" * 80_000))
    expect(tab.locator("[data-state=lost]")).to_be_visible()
    tab.unroute("**/files/**")
    begin(tab, a_large_file(folder, "Ringing bells.flac"))
    begin(tab, a_large_file(folder, "Long walk.gpx"))
    choose(tab, a_file("Afterwards.pdf"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["wide", "phone"])
def test_each_state_is_shown_and_kept_as_a_picture(network, visit, tmp_path, device, scheme):
    options = PHONE if device == "phone" else {"viewport": {"width": 1000, "height": 800}}
    tab = visit("about:blank", color_scheme=scheme, **options)
    tab.clock.install()
    tab.add_init_script(NO_FILES)
    tab.goto(network.url + "/")
    file_to_choose_again(tab, network, tmp_path)
    files_that_ended(tab, network)
    files_under_way(tab, network, tmp_path)

    for state in STATES:
        expect(tab.locator(f"[data-state={state}]").first).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= options["viewport"]["width"]
    SHOTS.mkdir(exist_ok=True)
    path = SHOTS / f"page-states-{device}-{scheme}.png"
    tab.screenshot(path=path, animations="disabled", full_page=True)
    expect(link(tab, "Evening")).to_be_visible()
    tab.on("dialog", lambda dialog: dialog.accept())
