"""What is shipped for an installation says what the code does."""

import re
import shlex
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from webtest import TestApp

from servers import UPLOADSVC
from uploadsvc import Settings, make_files, serve
from uploadsvc.limits import build_bounds
from uploadsvc.signing import LENGTH
from uploadsvc.sized.urls import EXTENSIONS
from uploadsvc.storage.datadir import DataDir
from uploadsvc.web.handover import INTERNAL_PATH

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
OPERATING = ROOT / "docs/operating.md"
CONFIG = "/etc/uploadsvc/uploadsvc.toml"
FIELDS = Settings.model_fields

# A sentence, and behind it the line of the setting, commented out.
ENTRIES = re.findall(
    r"^# (.+)\n#(\w+) =(.*)$", (DEPLOY / "uploadsvc.toml").read_text(), flags=re.MULTILINE
)


def loaded(tmp_path, text: str) -> Settings:
    file = tmp_path / "uploadsvc.toml"
    file.write_text(text)
    return Settings.load(file, environ={})


def cron_line() -> list[str]:
    lines = (DEPLOY / "cron/uploadsvc").read_text().splitlines()
    [line] = [line for line in lines if re.match(r"[0-9*]", line)]
    command, _, reader = line.partition(" | ")
    assert reader == "logger -t uploadsvc"
    return shlex.split(command)


def test_the_settings_file_has_every_setting_with_its_sentence():
    entries = [(name, sentence) for sentence, name, _ in ENTRIES]

    assert entries == [(name, field.description) for name, field in FIELDS.items()]


def test_the_settings_file_as_it_is_changes_nothing(tmp_path):
    assert loaded(tmp_path, (DEPLOY / "uploadsvc.toml").read_text()) == Settings()


@pytest.mark.parametrize(("name", "value"), [entry[1:] for entry in ENTRIES])
def test_each_line_of_the_settings_file_shows_the_default(tmp_path, name, value):
    if FIELDS[name].default is None:
        assert value == ""
    else:
        assert getattr(loaded(tmp_path, f"{name} ={value}"), name) == FIELDS[name].default


def test_cron_runs_the_cleaner_every_hour_as_the_service_user():
    *when, user, program, option, config, command = cron_line()

    assert (when, user) == (["1", "*", "*", "*", "*"], "uploadsvc")
    assert (program, option, config) == ("/opt/uploadsvc/venv/bin/uploadsvc", "--config", CONFIG)
    assert command == "clean"


def test_cron_would_not_leave_the_file_out():
    file = DEPLOY / "cron/uploadsvc"

    # cron(8): names of letters, digits, _ and - only, and a newline at the end.
    assert re.fullmatch(r"[A-Za-z0-9_-]+", file.name)
    assert file.read_text().endswith("\n")


def test_what_cron_runs_is_quiet_when_nothing_is_done(tmp_path):
    (tmp_path / "data/Storage").mkdir(parents=True)
    config = tmp_path / "uploadsvc.toml"
    config.write_text(f'data_dir = "{tmp_path / "data"}"')
    places = {"/opt/uploadsvc/venv/bin/uploadsvc": str(UPLOADSVC), CONFIG: str(config)}
    command = [places.get(word, word) for word in cron_line()[6:]]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    adopted = subprocess.run([*command, "--adopt"], capture_output=True, timeout=60)
    quiet = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (refused.returncode, adopted.returncode) == (2, 0)
    assert "--adopt" in refused.stderr
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_the_scripts_for_apache_differ_in_their_endpoint_alone():
    scripts = {path.name: path.read_text() for path in (DEPLOY / "apache").glob("*.wsgi")}
    endpoints = {name: set(re.findall(r"make_\w+", text)) for name, text in scripts.items()}
    rest = {re.sub(r'make_\w+|""".*"""', "", text) for text in scripts.values()}

    assert endpoints == {
        "sendfile.wsgi": {"make_sendfile"},
        "getpreview.wsgi": {"make_getpreview"},
        "files.wsgi": {"make_files"},
        "uploadsvc.wsgi": {"make_app"},
    }
    assert len(rest) == 1
    said = rest.pop()
    assert f'"{CONFIG}"' in said
    # How many requests there are at a time is Apache's to say.
    assert ".changed(threads=mod_wsgi.threads_per_process)" in said


def test_apache_is_told_the_same_defaults_as_the_service():
    text = (DEPLOY / "apache/uploadsvc.conf").read_text()
    defined = dict(re.findall(r"^ +Define (\w+) (.+)$", text, flags=re.MULTILINE))

    assert defined["UPLOADSVC_STORAGE_PATH"] == Settings().storage_path
    assert (defined["UPLOADSVC_KEEP"], Settings().keep.days) == ('"1 day"', 1)
    # Not those of `serve`, where a thread is started when one is needed.
    threads = int(defined["UPLOADSVC_THREADS"])
    assert build_bounds(Settings(threads=threads)).free > 0
    assert timedelta(seconds=int(defined["UPLOADSVC_PATIENCE"])) == Settings().stall_timeout
    assert defined["UPLOADSVC_VENV"] + "/bin/uploadsvc" == cron_line()[6]
    assert defined["UPLOADSVC_USER"] == cron_line()[5]


def test_nginx_is_told_the_same_as_the_service():
    settings = Settings()
    site = (DEPLOY / "nginx/uploadsvc.conf").read_text()
    locations = (DEPLOY / "nginx/locations.conf").read_text()
    patience = settings.fetch_timeout + settings.decode_seconds

    assert f" server {settings.host}:{settings.port};" in site
    assert f'"~^(?<uploadsvc_folder>{settings.storage_path}/' in site
    assert f"location ^~ {INTERNAL_PATH}/ {{\n    internal;\n" in locations
    assert "include /opt/uploadsvc/deploy/nginx/locations.conf;" in site
    room = int(re.search(r"client_max_body_size (\d+)m;", site)[1]) * 2**20
    assert settings.max_upload + 64 * 1024 < room < 1.1 * settings.max_upload
    assert seconds(locations, "client_body_timeout") > settings.stall_timeout
    assert seconds(locations, "proxy_send_timeout") > settings.stall_timeout
    assert seconds(locations, "proxy_read_timeout") > 2 * patience


def test_nginx_and_apache_know_the_urls_of_pictures_as_the_service_does():
    site = (DEPLOY / "nginx/uploadsvc.conf").read_text()
    locations = (DEPLOY / "nginx/locations.conf").read_text()
    apache = (DEPLOY / "apache/uploadsvc.conf").read_text()
    sized = DataDir(Path("/var/lib/uploadsvc")).sized
    extensions = "|".join(["jpe?g", *(each for each in EXTENSIONS if each not in ("jpeg", "jpg"))])

    assert f" set $uploadsvc_sized {sized};" in site
    assert f'"${{UPLOADSVC_DATA}}/{sized.name}"' in apache
    for text in (locations, apache):
        assert f"{extensions})" in text
        assert f"[A-Za-z0-9_-]{{{LENGTH}}})" in text
    # What a setting switches on is switched on there by hand.
    assert not Settings().avif
    assert len(re.findall(r"(?m)^ +#.*image/avif", site)) == 2


def test_nginx_says_the_same_of_a_picture_whatever_its_file_is_called():
    locations = (DEPLOY / "nginx/locations.conf").read_text()
    first, other = (
        re.search(rf"(?ms)^location {re.escape(name)}.*?^}}", locations)[0]
        for name in ('~ "^(?!/o/)', "@uploadsvc_other_names")
    )
    headers = re.findall(r"add_header .*", first)

    assert len(headers) == 7
    assert re.findall(r"add_header .*", other) == headers
    assert re.search(r"(?s)types \{.*?\}", other)[0] == re.search(r"(?s)types \{.*?\}", first)[0]


def test_nginx_lets_go_of_idle_connections_before_the_service_does():
    site = (DEPLOY / "nginx/uploadsvc.conf").read_text()

    assert seconds(site, "keepalive_timeout") < timedelta(seconds=serve._KEEP_ALIVE_SECONDS)


def seconds(configuration: str, directive: str) -> timedelta:
    """The time that first stands behind a directive."""
    told = re.search(rf"^ *{directive} (\d+)s;", configuration, flags=re.MULTILINE)
    assert told, directive
    return timedelta(seconds=int(told[1]))


def test_every_file_that_the_manual_names_is_there():
    named = set(
        re.findall(r"\b(?:deploy|docs)/[\w./-]*\w|requirements\.txt", OPERATING.read_text())
    )
    shipped = {str(path.relative_to(ROOT)) for path in DEPLOY.rglob("*") if path.is_file()}

    assert [name for name in named if not (ROOT / name).is_file()] == []
    assert shipped - named == set(), "the manual says nothing of these"


def test_an_old_installation_keeps_its_folders_and_links(tmp_path):
    folder = tmp_path / "old/Storage/QgBmmQxG"
    folder.mkdir(parents=True)
    (folder / "It's 100% mine.jpg").write_bytes(b"\xff\xd8\xffold")
    settings = Settings(data_dir=tmp_path / "old")
    adopted = subprocess.run(
        [UPLOADSVC, "clean", "--adopt"],
        env={"UPLOADSVC_DATA_DIR": str(settings.data_dir)},
        capture_output=True,
        timeout=60,
    )
    answer = TestApp(make_files(settings)).get("/QgBmmQxG/It%27s%20100%25%20mine.jpg")

    assert adopted.returncode == 0
    assert answer.body == b"\xff\xd8\xffold"
