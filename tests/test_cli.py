"""The command line: exit codes and what is printed."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sized_pictures import build_images, jpeg
from uploadsvc import __version__
from uploadsvc.storage.local import LocalStorage

pytestmark = pytest.mark.live

UPLOADSVC = Path(sys.executable).with_name("uploadsvc")


@pytest.fixture
def run(tmp_path):
    def run(*arguments, **environ):
        variables = {name: value for name, value in os.environ.items() if "UPLOADSVC" not in name}
        variables["UPLOADSVC_DATA_DIR"] = str(tmp_path / "data")
        return subprocess.run(
            [UPLOADSVC, *map(str, arguments)],
            env=variables | environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def old(path):
    past = time.time() - 2 * 86400
    os.utime(path, (past, past))


def test_tells_its_version(run):
    assert run("--version").stdout == f"uploadsvc {__version__}\n"


def test_clean_prints_what_it_removed_and_nothing_when_nothing_was_done(run, data):
    stored = LocalStorage(data.storage).save("a.txt", [b"x"])
    quiet = run("clean")
    path = data.storage / stored.key.folder
    old(path / "a.txt")
    old(path)
    dry = run("clean", "--dry-run")
    done = run("clean")

    assert (quiet.stdout, quiet.stderr, quiet.returncode) == ("", "", 0)
    assert dry.stdout == f"would remove Storage/{stored.key.folder}, 1 bytes\nwould go: 1\n"
    assert done.stdout == f"removed Storage/{stored.key.folder}, 1 bytes\ngone: 1\n"
    assert not path.exists()


def test_clean_refuses_a_folder_that_is_not_ours_until_it_is_adopted(run, tmp_path):
    folder = tmp_path / "data" / "Storage" / "QgBmmQxG"
    folder.mkdir(parents=True)
    (folder / "1323298110728.jpg").write_bytes(b"old")
    old(folder / "1323298110728.jpg")
    old(folder)
    refused = run("clean")
    adopted = run("clean", "--adopt")

    assert refused.returncode == 2
    assert "--adopt" in refused.stderr
    assert adopted.returncode == 0
    assert folder.exists()
    assert run("clean").returncode == 0
    assert not folder.exists()


def test_adopt_wants_something_to_adopt(run):
    assert run("clean", "--adopt").returncode == 2


def test_after_a_clock_jump_clean_exits_with_3_once(run, data):
    (data.state / "last-clean").write_text(str(time.time() + 3600))
    jumped = run("clean")

    assert jumped.returncode == 3
    assert "nothing was removed" in jumped.stderr
    assert run("clean").returncode == 0


@pytest.mark.parametrize("variable", ["UPLOADSVC_NONE", "UPLOADSVC_MAX_SIDE"])
def test_a_bad_setting_is_named_and_exits_with_2(run, variable):
    done = run("check", **{variable: "none"})

    assert done.returncode == 2
    assert variable.removeprefix("UPLOADSVC_").lower() in done.stderr.lower()
    assert done.stderr.count("\n") == 1


def test_a_configuration_that_is_missing_exits_with_2(run):
    done = run("--config", "none.toml", "clean")

    assert done.returncode == 2
    assert "none.toml" in done.stderr


def test_check_shows_the_settings_and_proves_the_installation(run, data):
    done = run("check", UPLOADSVC_MAX_UPLOAD="5MB", UPLOADSVC_DISK_FLOOR="0")

    assert done.returncode == 0, done.stdout
    assert "max_upload = 5000000" in done.stdout
    assert "ok    Storage" in done.stdout
    assert "ok    decoders" in done.stdout
    assert "WRONG" not in done.stdout


def test_what_check_shows_can_be_used_as_a_configuration(run, data, tmp_path):
    told = run("check", UPLOADSVC_KEEP="90m", UPLOADSVC_FETCH_ALLOW="a.example,10.0.0.0/8").stdout
    (tmp_path / "shown.toml").write_text(told.partition("\n\n")[0])
    again = run("--config", "shown.toml", "check").stdout

    assert again == told
    assert 'keep = "90m"' in told
    assert 'fetch_allow = ["a.example", "10.0.0.0/8"]' in told


def test_check_shows_no_secret(run, data):
    key = "what-nobody-is-to-read-on-any-screen-4711"
    done = run("check", UPLOADSVC_SIGNING_KEYS=key, UPLOADSVC_DISK_FLOOR="0")
    short = run("check", UPLOADSVC_SIGNING_KEYS="short-secret")

    assert done.returncode == 0, done.stdout
    assert 'signing_keys = ["**********"]' in done.stdout
    assert short.returncode == 1
    assert "signing_keys: each must have 32 characters or more" in short.stdout
    for shown in (done.stdout, done.stderr, short.stdout, short.stderr):
        assert key not in shown
        assert "short-secret" not in shown


def test_check_before_the_first_start_finds_nothing_wrong_and_makes_nothing(run, tmp_path):
    done = run("check")

    assert done.returncode == 0
    assert "is not made yet: the first start does that" in done.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"UPLOADSVC_TRUSTED_PROXIES": "localhost"}, "trusted_proxies"),
        ({"UPLOADSVC_OWN_HOSTS": "http://a.b/"}, "own_hosts"),
        ({"UPLOADSVC_STORAGE_PATH": "/sendfile"}, "storage_path"),
        ({"UPLOADSVC_MAX_STORED": "50MB"}, "max_stored is smaller than max_upload"),
    ],
)
def test_check_tells_which_settings_cannot_be(run, data, environ, named):
    done = run("check", **environ)

    assert done.returncode == 1
    [wrong] = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert named in wrong


def test_check_tells_when_a_folder_is_not_adopted_yet(run, data):
    data.marker.unlink()
    done = run("check")

    assert done.returncode == 1
    assert "WRONG data_dir" in done.stdout
    assert "--adopt" in done.stdout


def test_delete_in_a_folder_that_is_not_ours_does_not_say_that_the_file_is_gone(run):
    done = run("delete", "QgBmmQxG/photo.jpg")

    assert done.returncode == 2
    assert "not a folder of uploadsvc" in done.stderr


def test_clean_does_not_run_as_root_for_another_user(run, data):
    if os.geteuid() != 0:
        pytest.skip("only root can be refused for being root")
    os.chown(data.storage, 65534, 65534)
    done = run("clean", "--dry-run")

    assert done.returncode == 2
    assert "run this as that user" in done.stderr
    assert list(data.state.iterdir()) == []


def test_a_dry_run_writes_nothing_at_all(run, data):
    before = sorted(data.path.rglob("*"))

    assert run("clean", "--dry-run").returncode == 0
    assert sorted(data.path.rglob("*")) == before


def test_a_port_that_is_taken_is_told_in_one_sentence(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", "--port", str(taken.getsockname()[1]))

    assert done.returncode == 2
    assert "cannot listen on 127.0.0.1:" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_cleaner_loads_neither_the_endpoints_nor_the_decoders():
    script = (
        "import sys\nfrom uploadsvc.cli import main\n"
        "try:\n    main(['clean'])\nexcept SystemExit:\n    pass\n"
        "print(*(name for name in ('webob', 'PIL', 'httpcore', 'gunicorn') if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == ""


def test_delete_takes_a_link_down_and_says_what_is_missing(run, data):
    stored = LocalStorage(data.storage).save("a b.txt", [b"x"])
    link = f"https://chat.example/uploadfile/wsgi/Storage/{stored.key.folder}/a%20b.txt"
    first, second = run("delete", link), run("delete", link)

    assert first.stdout == f"removed {stored.key.folder}/a b.txt\n"
    assert first.returncode == 0
    assert list(data.storage.iterdir()) == []
    assert second.returncode == 1
    assert "no such file" in second.stderr


def test_delete_takes_down_what_is_over_and_not_swept_yet(run, data):
    """Where a web server serves the folder by itself it is still to be seen."""
    storage = LocalStorage(data.storage)
    stored = storage.save("photo.jpg", [b"x"], aged_ns=lambda: 10**18)
    done = run("delete", f"{stored.key.folder}/photo.jpg")

    assert done.returncode == 0, done.stderr
    assert list(storage) == []


def test_delete_takes_a_picture_down_by_its_id(run, data):
    images = build_images(data)
    image = images.save_image(jpeg())
    images.scaled_imagedata(image, "vga")
    first, second = run("delete", image), run("delete", image)

    assert (first.stdout, first.returncode) == (f"removed {image}\n", 0)
    assert [path for path in data.path.rglob("*") if image in str(path)] == []
    assert (second.returncode, second.stdout) == (1, "")
    assert "no such picture" in second.stderr


def test_without_a_command_the_usage_is_shown(run):
    done = run()

    assert done.returncode == 2
    assert "usage: uploadsvc" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["--port", "70000"], {}),
        ([], {"UPLOADSVC_FETCH_ALLOW": "not a host!"}),
        ([], {"UPLOADSVC_TRUSTED_PROXIES": "proxy.example"}),
        ([], {"UPLOADSVC_PUBLIC_URL": "files.example"}),
    ],
)
def test_serve_with_settings_that_cannot_be_says_so_and_does_not_start(run, arguments, environ):
    done = run("serve", *arguments, **environ)

    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("uploadsvc: ")
    assert done.stderr.count("\n") == 1


def test_serve_does_not_take_over_a_home(run, tmp_path):
    done = run("serve", HOME=str(tmp_path), UPLOADSVC_DATA_DIR=str(tmp_path))

    assert done.returncode == 2
    assert "a folder of its own" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_delete_of_what_is_no_link_says_so(run, data):
    done = run("delete", "http://[::1")

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
