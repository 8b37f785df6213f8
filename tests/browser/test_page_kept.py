"""What the browser keeps: an upload survives its page, and can be paused."""

import re

import pytest
from playwright.sync_api import expect

from browser.tab import (
    LARGE,
    RATE,
    a_file,
    a_large_file,
    begin,
    begun,
    button,
    choose,
    is_safe,
    item,
    kept,
    link,
    offsets_of,
    stored,
)
from lossy import lossy
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.browser

PAUSED = re.compile(r"· paused at \d?\d %")
AGAIN = "Choose this file again to go on."

# A browser that keeps no files, like one whose disk is full.
NO_FILES = """
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (value, ...key) {
        if (value instanceof File) throw new DOMException("no room", "QuotaExceededError");
        return put.call(this, value, ...key);
    };
"""
# One that keeps nothing at all.
NOTHING = "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); };"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("kept"), disk_floor=0) as service:
        yield service


@pytest.fixture
def network(service):
    with lossy(service.port, rate=RATE) as network:
        yield network


def reload(tab):
    assert eventually(lambda: is_safe(tab))
    tab.reload()


def test_an_upload_goes_on_by_itself_when_the_page_is_loaded_again(
    service, network, visit, tmp_path, figure
):
    source = a_large_file(tmp_path, "reloaded.bin")
    tab = visit(network.url + "/")
    begin(tab, source)
    reload(tab)
    expect(item(tab, "reloaded.bin")).to_be_visible()
    reload(tab)
    sent = offsets_of(tab)
    network.rate = 0

    expect(link(tab, "reloaded.bin")).to_be_visible()
    assert stored(service, "reloaded.bin") == source.read_bytes()
    assert begun(service, "reloaded.bin") == 1
    assert all(0 < offset < LARGE for offset in sent)
    assert eventually(lambda: kept(tab) == 0)
    figure("the page reloaded in the middle of an upload", "equal to the source", "equal")


def test_it_goes_on_when_the_browser_is_closed_and_opened_again(
    profile, service, network, tmp_path
):
    source = a_large_file(tmp_path, "closed.bin")
    first = profile(tmp_path / "profile")
    tab = first.new_page()
    tab.goto(network.url)
    begin(tab, source)
    assert eventually(lambda: is_safe(tab))
    first.close()
    source.rename(tmp_path / "elsewhere.bin")
    second = profile(tmp_path / "profile")
    tab = second.new_page()
    network.rate = 0
    tab.goto(network.url)

    expect(link(tab, "closed.bin")).to_be_visible()
    assert stored(service, "closed.bin") == (tmp_path / "elsewhere.bin").read_bytes()
    second.close()


def test_those_that_wait_their_turn_survive_too(service, network, visit, tmp_path):
    tab = visit(network.url + "/")
    sources = [a_large_file(tmp_path, f"turn{number}.bin", 6_000_000) for number in range(5)]
    choose(tab, *sources)
    expect(tab.locator("[data-state=waiting]")).to_have_count(2)
    reload(tab)
    network.rate = 0

    expect(tab.locator("[data-state=done]")).to_have_count(5)
    for source in sources:
        assert stored(service, source.name) == source.read_bytes()


def test_what_is_paused_stays_so_when_the_page_is_loaded_again_and_then_goes_on(
    service, network, visit, tmp_path
):
    source = a_large_file(tmp_path, "paused.bin")
    tab = visit(network.url + "/")
    begin(tab, source)
    button(tab, "Pause", "paused.bin").press("Enter")

    expect(item(tab, "paused.bin")).to_contain_text(PAUSED)
    expect(button(tab, "Go on", "paused.bin")).to_be_focused()
    expect(tab.get_by_role("status")).to_have_text("paused.bin is paused")
    reload(tab)
    expect(item(tab, "paused.bin")).to_contain_text(re.compile(r"· paused at [1-9]\d? %"))
    sent = offsets_of(tab)
    network.rate = 0
    choose(tab, a_file("other.txt"))
    expect(link(tab, "other.txt")).to_be_visible()
    expect(item(tab, "paused.bin")).to_contain_text(PAUSED)
    button(tab, "Go on", "paused.bin").press("Enter")
    expect(link(tab, "paused.bin")).to_be_visible()
    assert stored(service, "paused.bin") == source.read_bytes()
    assert sent[-1] > 0


def test_pausing_and_going_on_many_times_makes_one_upload(service, network, visit, tmp_path, many):
    source = a_large_file(tmp_path, "moody.bin")
    tab = visit(network.url + "/")
    choose(tab, source)
    for _ in range(many(5, 50)):
        button(tab, "Pause", "moody.bin").click()
        button(tab, "Go on", "moody.bin").click()
    network.rate = 0

    expect(link(tab, "moody.bin")).to_be_visible()
    assert stored(service, "moody.bin") == source.read_bytes()
    assert begun(service, "moody.bin") == 1


def test_one_that_waits_can_be_paused_and_lets_others_go_first(service, network, visit, tmp_path):
    tab = visit(network.url + "/")
    choose(tab, *[a_large_file(tmp_path, f"first{number}.bin") for number in range(3)])
    choose(tab, a_file("last.txt"), a_file("next.txt"))
    button(tab, "Pause", "last.txt").click()
    network.rate = 0

    expect(tab.locator("[data-state=done]")).to_have_count(4)
    expect(item(tab, "last.txt")).to_contain_text("paused at 0 %")
    button(tab, "Go on", "last.txt").click()
    expect(link(tab, "last.txt")).to_be_visible()


@pytest.mark.parametrize("state", ["sending", "paused"])
def test_what_is_cancelled_leaves_nothing(service, network, visit, tmp_path, state):
    source = a_large_file(tmp_path, f"{state}-cancelled.bin")
    tab = visit(network.url + "/")
    begin(tab, source)
    if state == "paused":
        button(tab, "Pause", source.name).click()
    assert begun(service, source.name) == 1
    button(tab, "Cancel", source.name).click()

    expect(item(tab, source.name)).to_contain_text("cancelled")
    assert eventually(lambda: tab.evaluate("1") and not begun(service, source.name))
    assert stored(service, source.name) is None
    assert eventually(lambda: kept(tab) == 0)
    tab.reload()
    expect(tab.get_by_role("listitem")).to_have_count(0)


def test_what_is_cancelled_while_it_begins_leaves_nothing_either(visit, service):
    tab = visit(service.url + "/")
    held = []
    tab.route("**/files/", lambda route: held.append(route))
    choose(tab, a_file("early.bin"))
    assert eventually(lambda: tab.evaluate("1") and held)
    button(tab, "Cancel", "early.bin").click()
    with tab.expect_request(lambda request: request.method == "DELETE"):
        held[0].continue_()

    assert eventually(lambda: tab.evaluate("1") and not begun(service, "early.bin"))


@pytest.mark.parametrize("end", ["Go on", "Cancel"])
def test_a_person_may_be_quicker_than_the_first_answer(visit, service, end):
    name = f"hasty {end}.bin"
    tab = visit(service.url + "/")
    held = []
    tab.route("**/files/", lambda route: held.append(route))
    choose(tab, a_file(name))
    assert eventually(lambda: tab.evaluate("1") and held)
    for _ in range(3):
        button(tab, "Pause", name).click()
        button(tab, "Go on", name).click()
    if end == "Cancel":
        button(tab, "Cancel", name).click()
    assert len(held) == 1
    with tab.expect_response("**/files/*"):
        held[0].continue_()

    if end == "Go on":
        expect(link(tab, name)).to_be_visible()
        assert begun(service, name) == 1
    else:
        assert eventually(lambda: tab.evaluate("1") and not begun(service, name))
    assert len(held) == 1


def test_where_no_file_could_be_kept_it_goes_on_when_the_same_one_is_chosen_again(
    service, network, visit, tmp_path
):
    source = a_large_file(tmp_path, "again.bin")
    tab = visit(network.url + "/")
    tab.add_init_script(NO_FILES)
    tab.reload()
    begin(tab, source)
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.reload()
    expect(item(tab, "again.bin")).to_contain_text(AGAIN)
    expect(item(tab, "again.bin")).to_contain_text(re.compile(r"· stopped at [1-9]\d? %"))
    (tmp_path / "other").mkdir()
    sent = offsets_of(tab)
    network.rate = 0

    choose(tab, a_large_file(tmp_path / "other", "again.bin", 1000))
    expect(tab.locator("[data-state=done]")).to_have_count(1)
    expect(tab.get_by_text(AGAIN)).to_be_visible()
    with tab.expect_file_chooser() as chooser:
        button(tab, "Choose file", "again.bin").last.click()
    chooser.value.set_files(source)
    expect(tab.locator("[data-state=done]")).to_have_count(2)
    assert sorted(sent)[0] == 0
    assert sorted(sent)[1] > 0
    sizes = {path.stat().st_size for path in service.storage.glob("*/again.bin")}
    assert sizes == {1000, LARGE}


def test_what_the_server_has_forgotten_and_the_browser_has_no_file_of_is_not_shown(
    service, network, visit, tmp_path
):
    tab = visit(network.url + "/")
    tab.add_init_script(NO_FILES)
    tab.reload()
    begin(tab, a_large_file(tmp_path, "lost.bin"))
    tab.once("dialog", lambda dialog: dialog.accept())
    with tab.expect_response("**/files/*") as answer:
        tab.route("**/files/*", lambda route: route.fulfill(status=410))
        tab.reload()

    assert answer.value.status == 410
    expect(tab.get_by_role("listitem")).to_have_count(0)
    assert eventually(lambda: kept(tab) == 0)


def test_where_nothing_can_be_kept_uploads_work_and_leaving_is_asked_about(
    service, network, visit, tmp_path
):
    tab = visit(network.url + "/")
    tab.add_init_script(NOTHING)
    tab.reload()
    source = a_large_file(tmp_path, "unkept.bin")
    begin(tab, source)
    asked = []
    tab.on("dialog", lambda dialog: asked.append(dialog.type) or dialog.dismiss())
    tab.close(run_before_unload=True)
    assert eventually(lambda: tab.evaluate("1") and asked == ["beforeunload"])
    network.rate = 0

    expect(link(tab, "unkept.bin")).to_be_visible()
    assert stored(service, "unkept.bin") == source.read_bytes()
    assert is_safe(tab)


def test_what_is_over_is_forgotten(service, network, visit, tmp_path):
    tab = visit(network.url + "/")
    begin(tab, a_large_file(tmp_path, "over.bin"))
    button(tab, "Pause", "over.bin").click()
    assert eventually(lambda: kept(tab) == 1)
    tab.clock.install()
    tab.clock.set_fixed_time("2099-01-01")
    tab.reload()

    assert kept(tab) == 0
    expect(tab.get_by_role("listitem")).to_have_count(0)
