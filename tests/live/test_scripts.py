"""The answer to old clients, run by a JavaScript engine: it says what was sent, no more."""

import html.parser
import json
import re
import subprocess
from urllib.parse import quote, unquote_to_bytes, urlsplit

import pytest

from clients import BOUNDARY, file_form, raw

pytestmark = pytest.mark.live

OWN = [
    b"juliet@capulet.example",
    b"o'brien@example.org/home",
    b'"; top.pwned = 1; "',
    b"'); top.pwned = 1; ('",
    b"\\'); top.pwned = 1; //",
    b"\\",
    b"</script><script>top.pwned = 1</script>",
    b"<!--<script>",
    b"]]>",
    b"&#39;&quot;&lt;",
    b"\\u0027\\x27",
    "\u2028\u2029".encode(),
    "ромео@монтекки.example/💩".encode(),
    b"${top.pwned = 1}",
    b"`",
    b"",
    b"\0",
    b"a\nb",
    b"a\rb",
    b"a\x7fb",
    b"\xff",
    b"\xed\xb3\xbf",
    b"j" * 3071,
    b"j" * 3072,
]
ENGINE = """
const vm = require("vm");
const scripts = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(scripts.map((script) => {
    const calls = [];
    const world = {top: {Ext: {dispatch: (...said) => calls.push(said)}}};
    try {
        vm.runInNewContext(script, world, {timeout: 1000});
    } catch (error) {
        return {calls, touched: String(error)};
    }
    return {calls, touched: Object.keys(world).concat(Object.keys(world.top)).join()};
})));
"""


@pytest.fixture(scope="module")
def run(program):
    """`run(scripts)` runs each by itself, and returns what it called and what it touched."""
    node = program("node")

    def run_all(scripts):
        done = subprocess.run(
            [node, "-e", ENGINE],
            input=json.dumps(scripts),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return json.loads(done.stdout)

    return run_all


def form_with(*, to=b"a@b.example", name=b"photo.jpg", device=b"phone"):
    """A form with these values as they are, but for what a browser escapes in a name."""
    name = name.replace(b'"', b"%22").replace(b"\r", b"%0D").replace(b"\n", b"%0A")
    part = b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="'
    return (
        part + b'to"\r\n\r\n' + to + b"\r\n"
        + part + b'device"\r\n\r\n' + device + b"\r\n"
        + part + b'file1"; filename="' + name + b'"\r\n\r\n\0data\r\n'
        + b"--" + BOUNDARY.encode() + b"--\r\n"
    )  # fmt: skip


def send(connection, body, accept="*/*", *, query=""):
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Accept": accept}
    return connection.ask("POST", f"/sendfile{query}", body, headers)


def send_to(connection, to, *, device):
    """Upload for a contact: the phone names it in the query too, the browser in the form only."""
    query = f"?to={quote(to)}" if device == b"phone" and len(to) < 2000 else ""
    return send(connection, form_with(to=to, device=device), query=query)


def may_be_refused(to):
    """Empty, over 3071 bytes, a control character, or no UTF-8."""
    try:
        return not 0 < len(to) <= 3071 or re.search(r"[\0-\x1f\x7f]", to.decode()) is not None
    except UnicodeDecodeError:
        return True


class Page(html.parser.HTMLParser):
    """What an HTML parser sees: elements, and the text of each script."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.others = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)

    def handle_comment(self, data):
        self.others.append(data)

    def handle_data(self, data):
        (self.scripts if self.cdata_elem == "script" else self.others).append(data)


def check_contacts(service, connection, run, contacts):
    """Send a file to each contact, run the answers; return how many were run, and refused."""
    asked, scripts = [], []
    for to in contacts:
        phone, pc = (send_to(connection, to, device=one) for one in (b"phone", b"pc"))
        assert phone.status == pc.status == (400 if may_be_refused(to) else 200), to
        if phone.status == 400:
            continue
        page = Page(pc.body.decode())

        assert (page.elements, page.others, len(page.scripts)) == (["script"], [], 1), to
        assert pc.body.count(b"<") == 2
        scripts += [phone.body.decode(), page.scripts[0]]
        asked += [to.decode()] * 2
    for to, result in zip(asked, run(scripts), strict=True):
        [[said]] = result["calls"]

        assert said.keys() == {"controller", "action", "args"}
        assert (said["controller"], said["action"]) == ("Chat", "upload_result")
        assert result["touched"] == "top,Ext", to
        link, told = said["args"]
        assert told == to
        assert link.startswith(f"{service.url}/uploadfile/wsgi/Storage/")
    return len(scripts) // 2, len(contacts) - len(scripts) // 2


def check_names(connection, run, names):
    """Send a file under each name in both ways; return for how many the names were equal."""
    told, scripts = [], []
    for name in names:
        answer = send(connection, form_with(name=name), "application/json")
        script = send(connection, form_with(name=name))

        assert (answer.status, script.status) in ((201, 200), (400, 400)), name
        if answer.status == 201:
            told.append(answer.json["name"])
            scripts.append(script.body.decode())
    for name, result in zip(told, run(scripts), strict=True):
        [[said]] = result["calls"]

        assert unquote_to_bytes(said["args"][0].rpartition("/")[2]).decode() == name
        assert result["touched"] == "top,Ext", name
    return len(told)


def test_a_script_says_the_contact_exactly(service, connect, run):
    taken, refused = check_contacts(service, connect(service.port), run, OWN)

    assert (taken, refused) == (16, 8)


def test_a_script_says_the_name_that_json_says(service, connect, run):
    assert check_names(connect(service.port), run, OWN) == len(OWN) - 3


def test_scripts_say_every_naughty_string(service, connect, run, naughty_strings, some, figure):
    strings, connection = some(naughty_strings, 10), connect(service.port)
    taken, refused = check_contacts(service, connection, run, strings)
    named = check_names(connection, run, strings)

    assert taken > refused
    assert named > len(strings) // 2
    figure(
        "answers run in a JavaScript engine",
        "contact equal or 400 (empty, control characters); name as in JSON",
        f"contacts: {taken} equal, {refused} are 400; names: {named} equal",
    )


def test_a_naive_script_says_something_else(run):
    contacts = [to.decode() for to in OWN if not may_be_refused(to)]
    scripts = [f"top.Ext.dispatch({{args : ['LINK', '{to}']}});" for to in contacts]
    right = [
        result["calls"] == [[{"args": ["LINK", to]}]]
        for to, result in zip(contacts, run(scripts), strict=True)
    ]
    page = Page(f"<script>{scripts[contacts.index('</script><script>top.pwned = 1</script>')]}")

    assert right.count(False) >= 4
    assert page.elements != ["script"]


SANE = [
    "chat.example",
    "chat.example:82",
    "127.0.0.1",
    "[::1]",
    "[::1]:8080",
    "a_b-c.d",
    "LOCALHOST",
]
EVIL = [
    "evil'.example",
    'evil".example',
    "evil<script>",
    "evil>.example",
    "evil\\.example",
    "evil example",
    "evil\texample",
    "evil;.example",
    "evil,chat.example",
    "chat.example@evil",
    "evil@chat.example",
    "chat.example/evil",
    "chat.example?evil",
    "chat.example#evil",
    "chat.example:evil",
    "chat.example:80evil",
    "chat.example:80:evil",
    "http://evil",
    "//evil",
    "[evil",
    "[::1]evil",
    "evil%0d%0a",
    "evil\r\n folded: evil",
    "evil\0",
    "evil\x7f",
    "évil.example",
    "evil');top.pwned=1;('",
    "",
    ":80",
    "evil\r\nHost: chat.example",
    "chat.example\r\nHost: evil.example",
    "chat.example\r\nHost : evil",
]


def with_host(host, *, target="/sendfile"):
    content_type, body = file_form(b"data")
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize("host", SANE)
def test_a_sane_host_goes_into_the_link(service, host):
    answer = raw(service.port, with_host(host))

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert f"['http://{host}/uploadfile/".encode() in answer


@pytest.mark.parametrize("host", EVIL)
def test_a_host_that_is_none_is_refused_and_not_repeated(service, host):
    answer = raw(service.port, with_host(host))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"vil" not in answer


def test_the_host_of_a_whole_address_is_not_mixed_with_another(service):
    target = "http://evil.example/sendfile"
    answer = raw(service.port, with_host("chat.example", target=target))
    link = re.search(rb"'(http://[^']*)'", answer)

    assert answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
    assert not link or urlsplit(link[1]).netloc == b"chat.example"
    assert b"evil" not in answer
