"""Forwarded headers: believed from trusted proxies alone."""

import pytest
from webtest import TestApp

from uploadsvc.errors import BadSettings
from uploadsvc.web.errors import answer_errors
from uploadsvc.web.proxies import behind_proxies

FORWARDED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "chat.example",
    "X-Forwarded-For": "198.51.100.7",
}


def ask(trusted, *, peer, headers=FORWARDED, status=200):
    """What an application is told of the scheme, the host and the client."""
    told = []

    def app(environ, start_response):
        told.extend([environ["wsgi.url_scheme"], environ["HTTP_HOST"], environ["REMOTE_ADDR"]])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    client = TestApp(
        answer_errors(behind_proxies(app, trusted=trusted)), extra_environ={"REMOTE_ADDR": peer}
    )
    client.get("/", headers={"Host": "inner:8080"} | headers, status=status)
    return told


@pytest.mark.parametrize(
    ("trusted", "peer"),
    [
        (["10.0.0.0/8"], "10.1.2.3"),
        (["10.1.2.3"], "10.1.2.3"),
        (["::1"], "::1"),
        (["unix"], ""),
    ],
)
def test_a_trusted_proxy_is_believed(trusted, peer):
    assert ask(trusted, peer=peer) == ["https", "chat.example", "198.51.100.7"]


@pytest.mark.parametrize(
    ("trusted", "peer"), [([], "10.1.2.3"), (["10.0.0.0/8"], "11.1.2.3"), ([], ""), (["::1"], "")]
)
def test_anybody_else_is_not(trusted, peer):
    assert ask(trusted, peer=peer) == ["http", "inner:8080", peer]


def test_of_a_chain_the_last_that_is_no_proxy_is_the_client():
    chain = FORWARDED | {"X-Forwarded-For": "6.6.6.6, 198.51.100.7, 10.9.9.9"}

    assert ask(["10.0.0.0/8"], peer="10.1.2.3", headers=chain)[2] == "198.51.100.7"


def test_a_forwarded_host_must_be_one_too():
    ask(["10.1.2.3"], peer="10.1.2.3", headers={"X-Forwarded-Host": "<evil>"}, status=400)


def test_a_forwarded_scheme_must_be_http_or_https():
    assert ask(["10.1.2.3"], peer="10.1.2.3", headers={"X-Forwarded-Proto": "javascript"})[0] == (
        "http"
    )


def test_a_proxy_that_is_no_address_is_a_bad_setting():
    with pytest.raises(BadSettings, match="trusted_proxies"):
        behind_proxies(lambda *_: [], trusted=["proxy.example"])


def test_an_ipv4_proxy_on_an_ipv6_listener_is_trusted_too():
    assert ask(["10.1.2.3"], peer="::ffff:10.1.2.3") == ["https", "chat.example", "198.51.100.7"]


@pytest.mark.parametrize("told", ["unknown", "<evil>", "198.51.100.7:4711"])
def test_what_is_no_address_is_not_believed(told):
    headers = FORWARDED | {"X-Forwarded-For": told}

    assert ask(["10.1.2.3"], peer="10.1.2.3", headers=headers)[2] == "10.1.2.3"
