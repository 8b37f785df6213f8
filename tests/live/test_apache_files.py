"""What Apache itself does with the stored files: gives them back, and never runs or obeys one."""

import os
import re
import shutil
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from apache import SERVICE_USER, STORAGE_PATH, running_apache
from clients import fetch
from uploadsvc import mediatypes
from waiting import eventually

pytestmark = pytest.mark.live

DAY = 24 * 60 * 60
LARGE = 70_000  # so many bytes that mod_xsendfile sends them

# What would be run, obeyed or shown somewhere; each as a name that somebody might send.
ACTIVE = re.findall(
    r"\S+",
    """
    x.html x.htm x.shtml x.xhtml x.xht x.svg x.svgz x.xml x.xsl x.xslt x.rdf x.atom x.mathml
    x.js x.mjs x.css x.wasm x.swf x.pdf x.jar x.class x.hta x.htc x.mht x.mhtml x.eml
    x.php x.php5 x.phtml x.phar x.cgi x.pl x.py x.sh x.rb x.jsp x.asp x.aspx x.asis x.fcgi
    x.var x.exe x.bat x.lnk x.url x.reg x.csv x.vcf x.wsgi .htaccess .htpasswd .user.ini web.config
    index.html index.php x.php.jpg x.shtml.png x.html.gz x.utf7.txt x.php.txt x.en.cgi.txt x
    """,
)

# Gives itself away wherever anything interprets it.
PAYLOAD = (
    b"#!/bin/sh\nprintf 'Content-Type: text/html\\n\\nEXECUTED'; exit\n"
    b"URI: x\nContent-Type: text/html\n\n"
    b'<html><?php echo "EXECUTED" ?><!--#echo var="DATE_GMT" --><script>top.pwned=1</script>\n'
)
PAYLOAD += b"x" * (LARGE - len(PAYLOAD))
HTACCESS = b"ForceType text/html\nHeader set X-Obeyed yes\nOptions +Indexes\n"

WAYS = {
    "alias": {},
    "x-sendfile": {"defined": {"XSENDFILE": ""}, "send_files": "x-sendfile"},
}


@pytest.fixture(scope="module", params=WAYS)
def apache(request, program):
    """Apache that serves the files by itself, and Apache that asks the service first."""
    with running_apache(program("apache2"), **WAYS[request.param]) as server:
        server.way = request.param
        yield server


def test_apache_itself_serves_ranges_heads_and_conditional_requests(apache):
    data = b"\xff\xd8\xff\xe0" + b"0123456789" * (LARGE // 10)
    link = apache.store(data, "holiday.JPG")
    # Apache's tag is strong once the file is older than a second.
    an_hour_ago = time.time() - 3600
    os.utime(apache.path(link), (an_hour_ago, an_hour_ago))
    whole = fetch(link)
    tag = whole.headers["ETag"]
    head = fetch(link, method="HEAD")
    part = fetch(link, headers={"Range": "bytes=100-199", "If-Range": tag})
    beyond = fetch(link, headers={"Range": f"bytes={len(data)}-"})
    same = fetch(link, headers={"If-None-Match": tag})
    since = fetch(link, headers={"If-Modified-Since": whole.headers["Last-Modified"]})

    assert header_faults(apache, whole, name="holiday.JPG", data=data) == {}
    assert tag.startswith('"')
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(data)))
    assert (part.status, part.body) == (206, data[100:200])
    assert (beyond.status, same.status, since.status) == (416, 304, 304)
    left = int(re.search(r"max-age=(\d+)", whole.headers["Cache-Control"])[1])
    assert DAY - 3600 - 60 < left <= DAY - 3600


@pytest.mark.parametrize("name", ["ünïcode 😀.txt", "100%.txt", "a?b#c;d&e.txt", "~.txt"])
def test_a_link_gives_the_bytes_back_whatever_the_name(apache, name):
    link = apache.store(b"b" * LARGE, name)

    assert link.endswith("/" + quote(name, safe="").replace("~", "%7E"))
    assert fetch(link).body == b"b" * LARGE


def test_no_file_is_run_decoded_or_shown_that_should_not_be(apache):
    assert served_wrong(apache, STORAGE_PATH) == {}


def test_a_plain_alias_in_the_same_server_fails_that_check(apache):
    wrong = served_wrong(apache, "/naive")
    executed = {name for name, (_, body, _) in wrong.items() if b"EXECUTED" in body[:20]}

    assert set(wrong) == set(ACTIVE)
    assert executed >= {"x.php", "x.php.jpg", "x.phtml", "x.cgi", "x.pl", "x.py"}


def test_an_htaccess_is_a_file_like_any_other(apache):
    assert fetch(apache.store(HTACCESS, ".htaccess")).body == HTACCESS
    assert not obeyed(apache, STORAGE_PATH)
    assert obeyed(apache, "/naive"), "the check cannot fail"


def test_there_are_no_listings_no_partials_and_no_links(apache):
    folder = apache.path(apache.store(b"x", "x.txt")).parent
    partial = apache.storage / ".partial-0123456789abcdef"
    partial.mkdir(mode=0o755, exist_ok=True)
    (partial / "half.txt").write_text("half")
    if os.geteuid() == 0:
        for path in (partial, partial / "half.txt"):
            shutil.chown(path, SERVICE_USER)
    (apache.storage / "loose.txt").write_text("loose")
    (folder / "link.txt").symlink_to("/etc/passwd")
    (folder / "below").mkdir()
    hidden = [
        *("", "/", f"/{folder.name}", f"/{folder.name}/", "/nothere", "/nothere/", "/nothere/x"),
        *(f"/{partial.name}", f"/{partial.name}/half.txt", f"//{partial.name}/half.txt"),
        *("/loose.txt", f"/{folder.name}/link.txt", f"/{folder.name}/below"),
        *(f"/{folder.name[:-1]}/x.txt", f"/{folder.name}/y.txt", f"/{folder.name}/below/"),
        *(f"/{folder.name}/x.txt/more", "/../State/last-clean"),
        *(f"/{folder.name}/..%2f..%2f.uploadsvc", f"/{folder.name}/%2e%2e/{partial.name}/half.txt"),
    ]
    answers = {path: fetch(f"{apache.url}{STORAGE_PATH}{path}") for path in hidden}

    assert {path: one.status for path, one in answers.items() if one.status not in (403, 404)} == {}
    assert not [path for path, answer in answers.items() if b"x.txt" in answer.body]
    assert answers["/nothere/x"].headers["Cache-Control"] == "no-store"


def test_the_log_holds_no_link_no_contact_and_no_query(apache):
    link = apache.store(b"secret", "secret-name.txt", to="romeo@montague.example")
    fetch(link)
    folder = link.split("/")[-2]
    fetch(f"{apache.url}/getpreview?addr={quote(link, safe='')}")

    assert eventually(lambda: f'"GET {STORAGE_PATH}/{folder[:3]}... HTTP/1.1" 200' in apache.log)
    assert folder not in apache.log
    assert "secret-name" not in apache.log
    assert "romeo" not in apache.log


def header_faults(apache, answer, *, name: str, data: bytes) -> dict[str, str | None]:
    """What is wrong in the headers that a stored file is served with; `{}` is right."""
    policy = "default-src 'none'; frame-ancestors 'none'"
    if apache.way == "alias":
        types = {".jpg": "image/jpeg", ".png": "image/png", ".txt": "text/plain"}
        media_type = types.get(Path(name).suffix.lower(), "application/octet-stream")
    else:
        media_type = mediatypes.media_type(data[: mediatypes.HEAD_BYTES], name)
    media = mediatypes.is_media(media_type)
    shown = "inline" if media or media_type == "text/plain" else "attachment"
    named = f"{shown}; filename=\"{name}\"; filename*=UTF-8''{name}"
    expected = {
        "Content-Type": media_type + "; charset=utf-8" * (media_type == "text/plain"),
        "Content-Disposition": shown if apache.way == "alias" else named,
        "Content-Security-Policy": policy if media else f"{policy}; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "Accept-Ranges": "bytes",
        "Content-Encoding": None,
    }
    faults = {key: answer.headers.get(key) for key in expected}
    faults = {key: value for key, value in faults.items() if value != expected[key]}
    told = answer.headers.get("Cache-Control", "")
    cache = re.fullmatch(r"(?:private, )?max-age=(\d+)(?:, private)?", told)
    if "private" not in told or not cache or int(cache[1]) > DAY:
        faults["Cache-Control"] = told
    return faults


def served_wrong(apache, base: str) -> dict[str, object]:
    """Upload a file of each active name; return those not given back as harmless bytes."""
    wrong = {}
    for name in ACTIVE:
        link = apache.store(PAYLOAD, name)
        apache.path(link).chmod(0o755)
        answer = fetch(link.replace(STORAGE_PATH, base), headers={"Accept-Encoding": "gzip"})
        faults = header_faults(apache, answer, name=name, data=PAYLOAD)
        if answer.status != 200 or answer.body != PAYLOAD or faults:
            wrong[name] = (answer.status, answer.body[:80], faults)
    return wrong


def obeyed(apache, base: str) -> bool:
    """Whether an .htaccess that was uploaded rules over what lies beside it."""
    folder = apache.path(apache.store(HTACCESS, ".htaccess")).parent
    (folder / "beside.txt").write_bytes(b"beside" * LARGE)
    answer = fetch(f"{apache.url}{base}/{folder.name}/beside.txt")
    listing = fetch(f"{apache.url}{base}/{folder.name}/")
    return "X-Obeyed" in answer.headers or b"beside.txt" in listing.body
