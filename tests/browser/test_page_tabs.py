"""Two tabs of the page: an upload belongs to one of them."""

import pytest
from playwright.sync_api import expect

from browser.tab import RATE, a_large_file, begin, begun, is_safe, item, link, offsets_of, stored
from lossy import lossy
from servers import running_service
from waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running_service(tmp_path_factory.mktemp("tabs"), disk_floor=0) as service:
        yield service


@pytest.fixture
def network(service):
    with lossy(service.port, rate=RATE) as network:
        yield network


@pytest.mark.parametrize("host", ["127.0.0.1", "plain.test"], ids=["locks", "plain http"])
def test_an_upload_belongs_to_one_tab_until_that_is_closed(service, network, visit, tmp_path, host):
    source = a_large_file(tmp_path, f"{host}.bin")
    url = network.url.replace("127.0.0.1", host) + "/"
    tab = visit(url)
    begin(tab, source)
    assert eventually(lambda: is_safe(tab))
    second = tab.context.new_page()
    sent = offsets_of(second)
    second.goto(url)

    expect(item(second, source.name)).to_contain_text("in another tab")
    expect(item(second, source.name).get_by_role("button")).to_have_count(0)
    assert sent == []
    tab.close()
    expect(second.locator("[data-state=sending]")).to_have_count(1)
    network.rate = 0
    expect(link(second, source.name)).to_be_visible()
    assert stored(service, source.name) == source.read_bytes()
    assert begun(service, source.name) == 1


def test_when_it_is_done_the_other_tab_forgets_it(service, network, visit, tmp_path):
    source = a_large_file(tmp_path, "once.bin")
    tab = visit(network.url + "/")
    begin(tab, source)
    assert eventually(lambda: is_safe(tab))
    second = tab.context.new_page()
    second.goto(network.url)
    expect(item(second, "once.bin")).to_contain_text("in another tab")
    network.rate = 0

    expect(link(tab, "once.bin")).to_be_visible()
    expect(second.get_by_role("listitem")).to_have_count(0)
