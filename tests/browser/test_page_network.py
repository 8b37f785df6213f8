"""The page when the network is cut under it: the upload goes on, and ends equal to its source."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from browser.tab import LARGE, RATE, a_large_file, begin, begun, button, choose, item, link, stored
from lossy import Deed, Fault, lossy
from servers import free_port, running_service
from waiting import eventually

pytestmark = pytest.mark.browser

LOST = "The connection was lost. It goes on by itself."


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("cut"), disk_floor=0) as service:
        yield service


@pytest.fixture
def network(service):
    with lossy(service.port) as network:
        yield network


def cut_off(network, *, after=0):
    """Break what is under way when more than so many bytes have gone, and let nobody in."""
    network.lead_to(free_port())
    network.expect(*[Fault(after)] * 10)


def connect(network, service):
    network.expect()
    network.lead_to(service.port)


def requests_of(tab):
    """What the tab asks the uploads for from now on: (method, offset)."""
    asked = []

    def note(request):
        if "/files/" in request.url:
            asked.append((request.method, request.headers.get("upload-offset")))

    tab.on("request", note)
    return asked


@pytest.mark.parametrize("deed", [Deed.RESET, Deed.CLOSE])
def test_an_upload_that_is_cut_again_and_again_ends_equal_to_its_source(
    service, network, visit, tmp_path, many, figure, deed
):
    name, cuts = f"{deed.name}.bin", many(3, 12)
    source = a_large_file(tmp_path, name)
    tab = visit(network.url + "/")
    network.expect(*[Fault(LARGE // (cuts + 2), deed)] * cuts)
    choose(tab, source)

    expect(link(tab, name)).to_be_visible(timeout=90_000)
    assert network.struck == cuts
    assert stored(service, name) == source.read_bytes()
    assert begun(service, name) == 1
    figure(
        f"the page in Chromium, network cut ({deed.name.lower()})",
        "equal to the source",
        f"equal after {cuts} cuts",
    )


def test_after_a_cut_only_the_rest_is_sent(service, network, visit, tmp_path):
    source = a_large_file(tmp_path, "half.bin")
    tab = visit(network.url + "/")
    asked = requests_of(tab)
    network.expect(Fault(LARGE // 2))
    choose(tab, source)
    expect(link(tab, "half.bin")).to_be_visible()

    assert [method for method, _ in asked] == ["POST", "PATCH", "HEAD", "PATCH", "GET"]
    first, second = (int(offset) for method, offset in asked if method == "PATCH")
    assert first == 0
    assert LARGE // 3 < second <= LARGE // 2


def test_while_nobody_answers_it_says_so_and_tries_again_and_again(
    service, network, visit, tmp_path
):
    source = a_large_file(tmp_path, "away.bin")
    tab = visit("about:blank")
    tab.clock.install()
    tab.goto(network.url + "/")
    network.rate = RATE
    begin(tab, source)
    cut_off(network)

    expect(item(tab, "away.bin")).to_contain_text(LOST)
    expect(tab.get_by_role("status")).to_have_text(f"away.bin: {LOST}")
    tab.clock.pause_at(datetime.now() + timedelta(hours=1))
    asked = requests_of(tab)
    assert eventually(lambda: tab.clock.run_for(30_000) or len(asked) >= 9)
    expect(item(tab, "away.bin")).to_contain_text(LOST)
    network.rate = 0
    connect(network, service)
    tab.clock.resume()
    tab.clock.fast_forward(30_000)
    expect(link(tab, "away.bin")).to_be_visible(timeout=60_000)
    assert stored(service, "away.bin") == source.read_bytes()


def test_a_line_on_which_nothing_goes_any_more_counts_as_lost(service, network, visit, tmp_path):
    source = a_large_file(tmp_path, "stalled.bin")
    tab = visit("about:blank")
    tab.clock.install()
    tab.goto(network.url + "/")
    asked = requests_of(tab)
    network.expect(Fault(LARGE // 2, Deed.STALL))
    choose(tab, source)
    assert eventually(lambda: tab.evaluate("1") and network.struck == 1)

    assert eventually(lambda: tab.clock.run_for(31_000) or "HEAD" in dict(asked))
    expect(link(tab, "stalled.bin")).to_be_visible()
    assert stored(service, "stalled.bin") == source.read_bytes()


def test_without_a_network_it_waits_and_goes_on_at_once_when_there_is_one(
    service, network, visit, tmp_path
):
    source = a_large_file(tmp_path, "tunnel.bin")
    tab = visit("about:blank")
    tab.clock.install()
    tab.goto(network.url + "/")
    network.rate = RATE
    begin(tab, source)
    # From here on no timer fires: only the news of the network makes it go on.
    tab.clock.pause_at(datetime.now() + timedelta(hours=1))
    tab.context.set_offline(True)
    network.expect(Fault(0))

    expect(item(tab, "tunnel.bin")).to_contain_text("There is no network connection.")
    network.rate = 0
    tab.context.set_offline(False)
    expect(link(tab, "tunnel.bin")).to_be_visible()
    assert stored(service, "tunnel.bin") == source.read_bytes()


def test_a_server_that_is_killed_and_started_again_gets_the_rest(visit, tmp_path):
    source = a_large_file(tmp_path, "restart.bin")
    with running_service(tmp_path, disk_floor=0) as first, lossy(first.port, rate=RATE) as network:
        tab = visit(network.url + "/")
        choose(tab, source)
        expect(item(tab, "restart.bin")).to_contain_text(re.compile(r"· [3-9]\d %"))
        first.kill()
        expect(item(tab, "restart.bin")).to_contain_text("It goes on by itself.")
        with running_service(tmp_path, disk_floor=0) as second:
            network.rate = 0
            network.lead_to(second.port)
            expect(link(tab, "restart.bin")).to_be_visible()

            assert stored(second, "restart.bin") == source.read_bytes()
            assert begun(second, "restart.bin") == 1
            tab.context.close()


def test_what_the_server_forgot_is_begun_anew_once(service, network, visit, tmp_path):
    source = a_large_file(tmp_path, "forgotten.bin")
    tab = visit(network.url + "/")
    network.rate = RATE
    begin(tab, source)
    cut_off(network)
    expect(item(tab, "forgotten.bin")).to_contain_text(LOST)
    for path in (service.data_dir / "Uploads").iterdir():
        path.unlink()
    network.rate = 0
    connect(network, service)

    expect(link(tab, "forgotten.bin")).to_be_visible()
    assert stored(service, "forgotten.bin") == source.read_bytes()


def test_a_file_that_is_changed_under_way_is_not_sent_on(service, network, visit, tmp_path):
    source = a_large_file(tmp_path, "changing.bin")
    tab = visit(network.url + "/")
    network.rate = RATE
    begin(tab, source)
    cut_off(network)
    source.write_bytes(b"something else")
    connect(network, service)

    expect(item(tab, "changing.bin")).to_contain_text("The file was changed or is gone")
    expect(button(tab, "Remove", "changing.bin")).to_be_visible()
    expect(button(tab, "Try again", "changing.bin")).to_be_hidden()
    button(tab, "Remove", "changing.bin").click()
    assert eventually(lambda: tab.evaluate("1") and not begun(service, "changing.bin"))
