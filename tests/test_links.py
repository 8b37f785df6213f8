"""Links: written one way, and told from all others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadsvc.errors import BadSettings, Missing
from uploadsvc.links import Links, quote_name
from uploadsvc.storage import Key
from uploadsvc.storage.names import safe_name

PATH = "/uploadfile/wsgi/Storage"
KEY = Key("QgBmmQxG", "1323298110728.jpg")
HERE = "http://chat.example:82"


@pytest.fixture
def links():
    return Links(storage_path=PATH)


def test_a_link_is_host_storage_folder_and_name(links):
    assert links.link(KEY, requested=HERE) == (
        "http://chat.example:82/uploadfile/wsgi/Storage/QgBmmQxG/1323298110728.jpg"
    )


def test_a_public_url_is_the_base_of_all_links_and_may_have_a_path():
    links = Links(storage_path=PATH, public_url="https://files.example/chat/")

    assert links.link(KEY, requested=HERE).startswith(f"https://files.example/chat{PATH}/QgBmmQxG/")


def test_every_byte_of_a_name_is_encoded_but_the_harmless_ones():
    name = "".join(map(chr, range(32, 127))).replace("/", "") + "é字"

    assert quote_name("azAZ09_.-") == "azAZ09_.-"
    assert quote_name("~ é") == "%7E%20%C3%A9"
    assert set(quote_name(name)) <= set(
        "%ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
    )


@given(st.text())
def test_a_link_leads_back_to_its_file_whatever_the_name(sent):
    links = Links(storage_path=PATH)
    key = Key("QgBmmQxG", safe_name(sent))
    link = links.link(key, requested=HERE)

    assert links.key(link, requested=HERE) == key
    assert links.key_of_link(link) == key


@pytest.mark.parametrize(
    "address",
    [
        f"http://chat.example:82{PATH}/QgBmmQxG/1323298110728.jpg",
        f"http://CHAT.example:82{PATH}/QgBmmQxG/1323298110728.jpg",
        f"https://chat.example:82{PATH}/QgBmmQxG/1323298110728.jpg?size=1#top",
        f"http://other.example{PATH}/QgBmmQxG/1323298110728.jpg",
        f"https://other.example:443{PATH}/QgBmmQxG/1323298110728.jpg",
        f"https://files.example/chat{PATH}/QgBmmQxG/1323298110728.jpg",
    ],
)
def test_an_address_of_ours_is_known_by_host_and_path(address):
    links = Links(
        storage_path=PATH, public_url="https://files.example/chat", own_hosts=["other.example"]
    )

    assert links.key(address, requested=HERE) == KEY


@pytest.mark.parametrize(
    "address",
    [
        f"http://chat.example{PATH}/QgBmmQxG/a.jpg",
        f"http://chat.example:83{PATH}/QgBmmQxG/a.jpg",
        f"http://evil.example{PATH}/QgBmmQxG/a.jpg",
        f"http://chat.example:82@evil.example{PATH}/QgBmmQxG/a.jpg",
        f"http://evil.example\\@chat.example:82{PATH}/QgBmmQxG/a.jpg",
        f"ftp://chat.example:82{PATH}/QgBmmQxG/a.jpg",
        "http://chat.example:82/elsewhere/a.jpg",
        f"//chat.example:82{PATH}/QgBmmQxG/a.jpg",
        f"{PATH}/QgBmmQxG/a.jpg",
        "http://[::1",
        "not an address",
    ],
)
def test_any_other_address_is_not_ours(links, address):
    assert links.key(address, requested=HERE) is None


@pytest.mark.parametrize(
    "rest", ["", "QgBmmQxG", "QgBmmQxG/", "../etc/x", "QgBmmQxG/a%2Fb", "a/%00"]
)
def test_an_address_of_ours_without_a_file_is_missing_and_never_fetched(links, rest):
    with pytest.raises(Missing):
        links.key(f"{HERE}{PATH}/{rest}", requested=HERE)


def test_a_link_is_decoded_once(links):
    key = links.key(f"{HERE}{PATH}/QgBmmQxG/a%2541.jpg", requested=HERE)

    assert key == Key("QgBmmQxG", "a%41.jpg")


@pytest.mark.parametrize(
    "link", ["QgBmmQxG/1323298110728.jpg", f"{PATH}/QgBmmQxG/1323298110728.jpg"]
)
def test_a_link_without_a_host_names_its_file_too(links, link):
    assert links.key_of_link(link) == KEY


@pytest.mark.parametrize("port", ["0", "99999"])
def test_a_request_with_a_port_that_cannot_be_has_nothing_of_ours(links, port):
    assert (
        links.key(f"{HERE}{PATH}/QgBmmQxG/a.jpg", requested=f"http://chat.example:{port}") is None
    )


@pytest.mark.parametrize("host", ["a b", "host:port", "host:99999", "", "user@host"])
def test_an_own_host_that_is_none_is_a_bad_setting(host):
    with pytest.raises(BadSettings, match="own_hosts"):
        Links(storage_path=PATH, own_hosts=[host])


@pytest.mark.parametrize(
    "public_url",
    [
        "files.example",
        "ftp://files.example",
        "https://",
        "https://a b",
        "https://a?b",
        "https://a:b",
    ],
)
def test_a_public_url_that_is_none_is_a_bad_setting(public_url):
    with pytest.raises(BadSettings):
        Links(storage_path=PATH, public_url=public_url)
