"""The documents say what is so: settings, endpoints, statuses, commands, links."""

import importlib
import json
import pkgutil
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ByteSize
from webtest import TestApp

import uploadsvc
from clients import file_form
from documents import (
    DOCUMENTS,
    ROOT,
    blocks,
    commands_in,
    groups_of_settings,
    prose,
    read,
    rows,
    section,
    slug,
    typed_in,
)
from sized_pictures import jpeg
from uploadsvc import Settings, app, cli, make_app
from uploadsvc.errors import family
from uploadsvc.settings import CONFIG_VARIABLE, PREFIX
from uploadsvc.sized.names import NAMED
from uploadsvc.web.errors import status_of

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

# What is never answered over HTTP: these belong to the command line.
COMMAND_LINE_CODES = {
    "bad-settings",
    "too-few-open-files",
    "clock-jumped",
    "already-cleaning",
    "still-there",
}
INTERNAL_CODES = {"cannot-adopt"}
"""Never reach a client: whoever asks does it in another way then."""


ID = "23EQ53G6WZTGF5675CUJQFKBIS6UWWOL01"

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


# Settings


def test_every_setting_stands_in_the_document_in_its_group_and_no_other():
    text = section(read("docs/settings.md"), "## All of them")
    documented = [
        (title, [row[0].strip("`") for row in rows(section(text, f"### {title}"))])
        for title in re.findall(r"^### (.+)$", text, re.MULTILINE)
    ]

    assert documented == groups_of_settings()
    assert {name for _, names in documented for name in names} == set(Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_documented_with_its_kind_default_and_sentence(name):
    table = rows(section(read("docs/settings.md"), "## All of them"))
    [(kind, default, sentence)] = [row[1:] for row in table if row[0] == f"`{name}`"]
    field = Settings.model_fields[name]
    kinds = {
        bool: "yes or no", timedelta: "duration", ByteSize: "size", tuple: "list", int: "number",
        type(Path()): "path", str: "text",
    }  # fmt: skip
    expected = "mode" if name.endswith("_mode") else kinds[type(field.default)]

    assert sentence == field.description
    words = {
        "log_format": "`plain` or `json`",
        "disk_floor": 'size or `"auto"`',
        "send_files": "`python`, `x-sendfile` or `x-accel-redirect`",
    }
    assert kind == words.get(name, expected)
    if default in ("empty", "not set"):
        assert field.default in ("", (), None)
    else:
        # As it stands in the document it can be given, and then nothing changes.
        given = Settings.load(None, {PREFIX + name.upper(): default.strip('`"')})
        assert getattr(given, name) == field.default


def test_each_kind_of_value_is_explained_by_examples_that_work():
    table = rows(section(read("docs/settings.md"), "## How values are read"))
    settings = {
        "duration": "keep", "size": "max_upload", "list": "trusted_proxies", "mode": "file_mode",
        "yes or no": "page", "number": "threads", "path": "data_dir", "text": "host",
    }  # fmt: skip

    assert {row[0] for row in table} == set(settings)
    for kind, _, examples in table:
        for example in re.findall(r"`([^`]+)`", examples):
            Settings.load(None, {PREFIX + settings[kind].upper(): example})


@every_document
def test_a_toml_file_and_a_variable_that_a_document_shows_are_accepted(path, tmp_path):
    text = path.read_text()
    for number, block in enumerate(blocks(text, "toml")):
        shown = tmp_path / f"{number}.toml"
        shown.write_text(block)
        Settings.load(shown, {})
    variables = set(re.findall(r"\bUPLOADSVC_[A-Z][A-Z_]*\b", text))

    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    shown_as_wrong = {"UPLOADSVC_MAX_UPLOADS"}
    apache = "".join(path.read_text() for path in ROOT.glob("deploy/apache/*.conf"))
    of_apache = set(re.findall(r"Define (UPLOADSVC_[A-Z_]+)", apache))
    assert variables - settings - of_apache - shown_as_wrong - {CONFIG_VARIABLE} == set()


# HTTP


@pytest.fixture
def service(tmp_path):
    return TestApp(
        make_app(Settings(data_dir=tmp_path / "data", disk_floor=0, image_uploads=True)),
        extra_environ={"HTTP_HOST": "127.0.0.1:8080"},
    )


def test_every_endpoint_has_its_heading_and_no_other_has(tmp_path, monkeypatch):
    # The middleware stands before all others.
    mounted = {"/", "/upload"}

    def noting(endpoints, *, below, claimed, rest):
        mounted.update(endpoints, below)
        claims, _ = claimed
        mounted.update({"/SIZE/ID"} if claims(f"/vga/{ID}") else ())
        return rest

    monkeypatch.setattr(app, "mount", noting)
    make_app(Settings(data_dir=tmp_path / "data"))
    headings = re.findall(r"^## `[A-Z]+ (/[^`]*)`$", read("docs/http-api.md"), re.MULTILINE)
    headings = [heading if heading == "/" else heading.rstrip("/") for heading in headings]

    assert {heading.removesuffix("/FOLDER/NAME") for heading in headings} == mounted
    assert len(headings) == len(mounted)


def test_every_error_stands_in_the_table_with_its_status():
    for module in pkgutil.walk_packages(uploadsvc.__path__, "uploadsvc."):
        if module.name != "uploadsvc.__main__":
            importlib.import_module(module.name)
    errors = section(read("docs/http-api.md"), "## Errors")
    documented = {row[1].strip("`"): int(row[0]) for row in rows(errors)}
    kinds = {kind.code: kind for kind in family()}

    assert set(documented) | COMMAND_LINE_CODES | INTERNAL_CODES == set(kinds)
    assert documented == {code: status_of(kinds[code]) for code in documented}
    assert all(f"`{code}`" in errors.rpartition("|")[2] for code in COMMAND_LINE_CODES)


def upload(service, data, *, query="", headers=None, **fields):
    content_type, body = file_form(data, **{"to": None} | fields)
    return service.post(
        f"/sendfile{query}", body, headers={"Content-Type": content_type} | (headers or {})
    )


def shown_as(answer):
    """An answer as the document shows it: without what differs from time to time."""
    text = re.sub(r"(?<=/Storage/)\w{8}|(?<=/delete/)\w{8}|(?<=Storage%2F)\w{8}", "…", answer)
    text = re.sub(r'(?<=\?token=)[^"]+|(?<="sha256": ")[^"]+', "…", text)
    text = re.sub(r'(?<="expires": )"[^"]+"', '"…"', text)
    return re.sub(r'(?<="size": )\d+', "…", text)


JPEG = b"\xff\xd8\xff\xe0 as it begins"
JSON = {"Accept": "application/json"}


def test_the_answers_to_uploads_are_as_the_document_shows_them(service):
    document = section(read("docs/http-api.md"), "## `POST /sendfile`")
    phone = upload(service, JPEG, query="?to=juliet@capulet.example")
    iframe = upload(service, JPEG, to="juliet@capulet.example", device="pc")
    new = upload(service, jpeg(640, 480), headers=JSON)

    shown = "".join(blocks(document, "console")).splitlines()
    for answer in (phone, iframe, new):
        assert shown_as(answer.text) in shown
    assert list(new.json) == [row[0].strip("`") for row in rows(document)[-len(new.json) :]]


def send_picture(service):
    return service.post(
        "/o/?title=Red%20chair", jpeg(), headers={"Content-Type": "application/octet-stream"}
    )


def test_the_answer_to_a_picture_is_as_the_document_shows_it(service):
    document = section(read("docs/http-api.md"), "## `POST /o/`")
    answer = send_picture(service)
    shown = shown_as(answer.text).replace(answer.json["id"], ID)

    assert re.sub(r'(?<=/mini/\w{34}/Red-chair", ).*', "…}}", shown) in "".join(
        blocks(document, "console")
    )
    documented = [row[0] for row in rows(document)][-6:]
    assert re.findall(r"`(\w+)`", " ".join(documented)) == list(answer.json)


def test_the_sizes_with_a_name_are_as_the_document_shows_them(service):
    document = section(read("docs/http-api.md"), "## `GET /SIZE/ID`").replace("\n", " ")

    for name, size in NAMED.items():
        assert re.search(rf"`{name}` {size}[, ]", document), name


def test_the_examples_in_the_readme_are_answers_of_the_service(service):
    shown = shown_as("".join(blocks(read("README.md"), "console"))).splitlines()

    assert shown_as(upload(service, jpeg(640, 480), headers=JSON).text) in shown
    assert shown_as(upload(service, JPEG, query="?to=juliet@capulet.example").text) in shown


def headers_shown(heading):
    text = "".join(blocks(section(read("docs/http-api.md"), heading), "console"))
    headers = re.findall(r"^([A-Z][\w-]+): (.+)$", text, re.MULTILINE)
    assert headers
    return {name: re.escape(value).replace("…", ".+") for name, value in headers}


def test_the_headers_of_files_and_previews_are_as_the_document_shows_them(service, picture):
    stored = service.get(upload(service, JPEG, headers=JSON).json["link"])
    link = upload(service, picture, headers=JSON).json["link"]
    preview = service.get("/getpreview", {"addr": link})

    for heading, answer in [
        ("## `GET /uploadfile/wsgi/Storage/FOLDER/NAME`", stored),
        ("## `GET /getpreview`", preview),
        ("## `GET /SIZE/ID`", service.get(f"/vga/{send_picture(service).json['id']}/Red-chair")),
    ]:
        shown = headers_shown(heading)
        assert set(shown) == set(answer.headers)
        for name, pattern in shown.items():
            assert re.fullmatch(pattern, answer.headers[name]), name


def test_the_answers_to_a_resumable_upload_are_as_the_document_shows_them(service):
    shown = "".join(blocks(section(read("docs/http-api.md"), "## `POST /files`"), "console"))
    tus = {"Tus-Resumable": "1.0.0"}
    metadata = {"Upload-Length": "11", "Upload-Metadata": "filename YS50eHQ="}
    begun = service.post("/files/", headers=tus | metadata)
    at = f"/files/{begun.headers['Location']}"
    bytes_follow = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    whole = service.patch(at, b"hello world", headers=tus | bytes_follow)
    info = service.get(f"{at}/info")

    for answer in (begun, whole):
        lines = [f"HTTP/1.1 {answer.status}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        text = re.sub(
            r"(?<=Upload-Expires: ).*|(?<=^Location: ).*", "…", "\n".join(lines), flags=re.M
        )
        text = re.sub(r"(Content-Length|Cache-Control|X-Content-Type-Options): .*\n", "", text)
        assert shown_as(text) in shown
    assert shown_as(info.text).replace('"size": …', '"size": 11') in shown


def test_errors_look_as_the_document_shows_them(service):
    shown = "".join(blocks(section(read("docs/http-api.md"), "## Errors"), "console")).splitlines()
    address = {"addr": "http://127.0.0.1/x.png"}
    plain = service.get("/getpreview", address, status=403)
    problem = service.get("/getpreview", address, headers=JSON, status=403)

    assert plain.text.strip() in shown
    assert json.dumps(problem.json) in shown


# All documents


@every_document
def test_every_link_leads_somewhere(path):
    text = re.sub(r"`[^`\n]*`", "", prose(path.read_text()))
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text)
    broken = []
    for link in filter(None, (one for pair in links for one in pair)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.M) if anchor else []
        if not target.exists() or (anchor and anchor not in map(slug, headings)):
            broken.append(link)

    assert broken == []


@every_document
def test_every_make_target_that_is_named_exists(path):
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"^(?:\$ )?make ([a-z]+)", typed_in(path.read_text()), re.MULTILINE))

    assert named - targets == set()


@every_document
def test_every_command_and_option_that_is_named_exists(path, capsys):
    for line in commands_in(path.read_text()):
        _, command, rest = re.fullmatch(r"(--config \S+ )?(\S+)(.*)", line).groups()
        with pytest.raises(SystemExit) as ended:
            cli.main(["--help"] if command.startswith("-") else [command, "--help"])
        usage = capsys.readouterr().out

        assert ended.value.code == 0, line
        for option in re.findall(r"--[a-z-]+", f"{command} {rest}".partition("#")[0]):
            assert option in usage, line


def test_the_readme_names_every_command():
    named = {line.split()[0] for line in commands_in(read("README.md"))}

    assert named == {"serve", "clean", "check", "delete", "import"}


@every_document
def test_no_document_names_a_place_on_the_disk_of_whoever_wrote_it(path):
    assert re.findall(r"(?<![\w.])/(?:tmp|work|root|Users|home/\w+)/\S*", path.read_text()) == []


def test_the_version_has_its_entry_in_the_changelog():
    assert PROJECT["project"]["version"] == uploadsvc.__version__
    assert re.search(
        rf"^## \[{re.escape(uploadsvc.__version__)}\] - \d{{4}}-\d\d-\d\d$",
        read("CHANGELOG.md"),
        re.MULTILINE,
    )
