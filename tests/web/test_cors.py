"""Which pages of other origins may use an endpoint, by setting."""

import pytest
from webtest import TestApp

from uploadsvc import Settings, make_app
from uploadsvc.errors import BadSettings

PAGE = "https://chat.example"
ASKS = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "tus-resumable"}


@pytest.fixture
def make(tmp_path):
    return lambda *origins: TestApp(
        make_app(Settings(data_dir=tmp_path / "data", disk_floor=0, cors_origins=origins))
    )


def cors(answer):
    return {
        name: value for name, value in answer.headers.items() if name.startswith("Access-Control")
    }


def test_without_the_setting_no_other_page_may(make):
    client = make()

    assert cors(client.options("/files/", headers={"Origin": PAGE} | ASKS)) == {}
    assert cors(client.get("/files/x", headers={"Origin": PAGE}, status=404)) == {}


def test_a_page_of_a_listed_origin_may_do_all_that_the_protocol_needs(make):
    answer = make(PAGE).options("/files/", headers={"Origin": PAGE} | ASKS, status=204)
    told = cors(answer)

    assert told["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Vary"] == "Origin"
    assert {"POST", "HEAD", "PATCH", "DELETE"} <= set(
        told["Access-Control-Allow-Methods"].split(", ")
    )
    assert {"Tus-Resumable", "Upload-Offset", "Upload-Checksum", "X-HTTP-Method-Override"} <= set(
        told["Access-Control-Allow-Headers"].split(", ")
    )


def test_it_may_read_what_the_protocol_tells_in_errors_too(make):
    for answer in (
        make(PAGE).post(
            "/files/", headers={"Origin": PAGE, "Tus-Resumable": "1.0.0", "Upload-Length": "1"}
        ),
        make(PAGE).head("/files/x", headers={"Origin": PAGE}, status=412),
    ):
        exposed = cors(answer)["Access-Control-Expose-Headers"].split(", ")

        assert {"Location", "Upload-Offset", "Upload-Expires", "Tus-Version"} <= set(exposed)
        assert cors(answer)["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(("method", "path"), [("POST", "/sendfile"), ("DELETE", "/delete/A/b")])
def test_it_may_read_why_it_was_refused(make, method, path):
    refused = make(PAGE).request(path, method=method, headers={"Origin": PAGE}, status="4*")

    assert cors(refused)["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://chat.example",
        "https://chat.example.evil.example",
        "null",
        "",
    ],
)
def test_another_page_may_not(make, origin):
    told = cors(make(PAGE).options("/files/", headers={"Origin": origin} | ASKS, status=204))

    assert "Access-Control-Allow-Origin" not in told


def test_no_cookie_is_ever_allowed(make):
    for origins in (("*",), (PAGE,)):
        told = cors(make(*origins).options("/files/", headers={"Origin": PAGE} | ASKS))

        assert told["Access-Control-Allow-Origin"] == origins[0]
        assert "Access-Control-Allow-Credentials" not in told


def test_options_without_a_page_is_still_that_of_the_protocol(make):
    assert make(PAGE).options("/files/").headers["Tus-Version"] == "1.0.0"


@pytest.mark.parametrize(
    "origin", ["chat.example", "https://chat.example/", "ftp://x", "https://a b"]
)
def test_what_is_no_origin_stops_the_start(make, origin):
    with pytest.raises(BadSettings, match="cors_origins"):
        make(origin)
