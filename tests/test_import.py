"""`uploadsvc import`: files and folders go in, what is broken is told, and nothing stops it."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sized_pictures import build_images, jpeg
from uploadsvc.errors import NoRoom
from uploadsvc.importing import Refused, Saved, find_files, printable, save_files
from uploadsvc.progress import Progress
from uploadsvc.storage.local import LocalStorage

pytestmark = pytest.mark.live

UPLOADSVC = Path(sys.executable).with_name("uploadsvc")
LINE = re.compile(r"([A-Z2-7]{32}01)\t(.+)")


@pytest.fixture
def images(data):
    return build_images(data)


@pytest.fixture
def environ(tmp_path):
    kept = {name: value for name, value in os.environ.items() if "UPLOADSVC" not in name}
    return kept | {
        "UPLOADSVC_DATA_DIR": str(tmp_path / "data"),
        "UPLOADSVC_DISK_FLOOR": "0",
        "UPLOADSVC_DECODERS": "1",
    }


@pytest.fixture
def run(environ, tmp_path):
    def run(*paths):
        return subprocess.run(
            [UPLOADSVC, "import", *paths],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
        )

    return run


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "deeper").mkdir(parents=True)
    return folder


def test_files_and_folders_go_in_and_each_has_its_line(run, images, folder):
    (folder / "b.jpeg").write_bytes(jpeg(8, 1))
    (folder / "deeper" / "a.jpeg").write_bytes(jpeg(8, 2))
    (folder / "z.jpeg").write_bytes(jpeg(8, 3))
    (folder.parent / "single.png").write_bytes(jpeg(8, 4))
    done = run("single.png", "pictures")
    lines = [LINE.fullmatch(line).groups() for line in done.stdout.decode().splitlines()]

    assert (done.returncode, done.stderr) == (0, b"")
    assert [path for _, path in lines] == [
        "single.png", "pictures/b.jpeg", "pictures/deeper/a.jpeg", "pictures/z.jpeg",
    ]  # fmt: skip
    for image, path in lines:
        assert images.scaled_imagedata(image, "o") == (folder.parent / path).read_bytes()


def test_title_reference_and_time_are_those_of_the_file(run, images, folder):
    path = folder / "A boat, 2019.jpeg"
    path.write_bytes(jpeg(8, 1))
    os.utime(path, (1_500_000_000, 1_500_000_000))
    run(path)
    [image] = images.originals
    known = images.get_imagedoc(image)

    assert known.titles == ("A boat, 2019",)
    assert known.references == (str(path),)
    assert known.file_name == "A boat, 2019.jpeg"
    assert known.created == datetime.fromtimestamp(1_500_000_000, tz=UTC)


def test_broken_files_are_passed_and_listed_at_the_end(run, images, folder):
    (folder / "a.jpeg").write_bytes(jpeg(8, 1))
    (folder / "broken.jpeg").write_bytes(jpeg(8, 2)[:100])
    (folder / "notes.txt").write_text("no picture")
    (folder / "z.jpeg").write_bytes(jpeg(8, 3))
    done = run("pictures", "missing.jpeg")

    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == len(list(images.originals)) == 2
    head, *listed = done.stderr.decode().splitlines()
    assert head == "uploadsvc: 3 of 5 files were not saved:"
    assert [line.split(":")[0].strip() for line in listed] == [
        "pictures/broken.jpeg", "pictures/notes.txt", "missing.jpeg",
    ]  # fmt: skip
    assert listed[-1].endswith(": No such file or directory")
    assert all(len(line.split(": ", 1)[1]) > 5 for line in listed)


def test_the_same_picture_twice_is_one_and_has_both_references(run, images, folder):
    for name in ("one.jpeg", "two.jpeg"):
        (folder / name).write_bytes(jpeg())
    lines = run("pictures").stdout.decode().splitlines()
    [image] = images.originals

    assert [line.split("\t")[0] for line in lines] == [image, image]
    assert images.get_imagedoc(image).titles == ("one", "two")
    assert len(images.get_imagedoc(image).references) == 2


@pytest.mark.parametrize("name", ["a\nb.jpeg", "a\tb.jpeg", "a\x1b[31mb.jpeg", "a\\nb.jpeg"])
def test_a_name_can_forge_no_line(run, folder, name):
    (folder / name).write_bytes(jpeg())
    (folder / f"broken{name}").write_bytes(b"no")
    done = run("pictures")
    [line] = done.stdout.decode().splitlines()

    assert LINE.fullmatch(line)
    assert line.isprintable() or line.replace("\t", "", 1).isprintable()
    assert len(done.stderr.decode().splitlines()) == 2
    assert b"\x1b" not in done.stdout + done.stderr


def test_names_that_are_not_utf8_go_in_too(run, images, folder):
    (folder / os.fsdecode(b"caf\xe9.jpeg")).write_bytes(jpeg())
    done = run("pictures")
    [image] = images.originals

    assert done.stdout.decode() == f"{image}\tpictures/caf\\xe9.jpeg\n"
    assert images.scaled_tag(image)
    assert images.get_imagedoc(image).references[0].endswith("/caf\\xe9.jpeg")


def test_what_is_printed_can_be_told_apart():
    names = ["a\nb", "a\\nb", "a\\\nb", "a\\\\nb", "é", "\udce9", "\\xe9"]

    assert len({printable(Path(name)) for name in names}) == len(names)


def test_links_and_hidden_files_in_folders_are_left_alone(folder, tmp_path):
    (folder / "a.jpeg").write_bytes(b"x")
    (folder / ".hidden.jpeg").write_bytes(b"x")
    (folder / "deeper" / ".DS_Store").write_bytes(b"x")
    (folder / "link.jpeg").symlink_to(folder / "a.jpeg")
    (folder / "deeper" / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpeg")

    assert list(find_files([folder])) == [folder / "a.jpeg"]


def test_a_file_that_is_named_is_taken_whatever_it_is_called(images, folder):
    hidden, link, pipe = folder / ".hidden", folder / "link", folder / "pipe"
    hidden.write_bytes(jpeg())
    link.symlink_to(hidden)
    os.mkfifo(pipe)
    found = list(save_files(images, find_files([hidden, link, pipe])))

    assert [type(each) for each in found] == [Saved, Saved, Refused]


def test_a_folder_that_cannot_be_read_is_listed(images, folder):
    (folder / "a.jpeg").write_bytes(jpeg())
    found = find_files([folder])
    first = next(found)
    (folder / "deeper").rmdir()
    [saved, refused] = save_files(images, [first, *found])

    assert saved.path == folder / "a.jpeg"
    assert refused == Refused(folder / "deeper", "No such file or directory")


def test_a_time_that_no_calendar_has_is_now(images, folder):
    path = folder / "a.jpeg"
    path.write_bytes(jpeg())
    with contextlib.suppress(OSError):
        os.utime(path, (2**40, 2**40))

    assert [type(each) for each in save_files(images, [path])] == [Saved]


def test_a_full_disk_ends_it(data, folder):
    class Full:
        def check(self, incoming):
            raise NoRoom("the disk is too full to take this")

        def count(self, change):
            pass

    (folder / "a.jpeg").write_bytes(jpeg())

    with pytest.raises(NoRoom):
        list(
            save_files(
                build_images(data, storage=LocalStorage(data.originals, room=Full())),
                [folder / "a.jpeg"],
            )
        )


def test_on_a_terminal_there_is_a_bar_and_the_lines_stay_whole(environ, folder, tmp_path):
    for number in range(3):
        (folder / f"{number}.jpeg").write_bytes(jpeg(8, number + 1))
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    done = subprocess.run(
        [UPLOADSVC, "import", "pictures"],
        env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=end, timeout=60,
    )  # fmt: skip
    os.close(end)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)

    assert "[..............................] 0 of 3" in shown
    assert "[##############################] 3 of 3" in shown
    assert shown.endswith("\r\x1b[K"), "it is gone at the end"
    assert [bool(LINE.fullmatch(line)) for line in done.stdout.decode().splitlines()] == [True] * 3


def test_what_was_done_is_told_when_it_is_interrupted(environ, folder, tmp_path, images):
    for number in range(400):
        (folder / f"{number:03}.jpeg").write_bytes(jpeg(8, number + 1))
    running = subprocess.Popen(
        [UPLOADSVC, "import", "pictures"],
        env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    first = running.stdout.readline()
    os.killpg(running.pid, signal.SIGINT)
    rest, said = running.communicate(timeout=60)
    lines = (first + rest).decode().splitlines()

    assert running.returncode == 130
    assert said.decode().splitlines()[0] == (
        f"uploadsvc: interrupted; {len(lines)} of 400 files were saved"
    )
    assert "Traceback" not in said.decode()
    assert all(images.get_length(line.split("\t")[0]) for line in lines)


def test_no_bar_where_there_is_no_terminal(tmp_path):
    with (tmp_path / "out").open("w") as stream, Progress(stream, total=2) as progress:
        progress.step()
        progress.clear()

    assert (tmp_path / "out").read_text() == ""
