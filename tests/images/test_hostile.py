"""Pictures made to cost: each is answered within 2 seconds and 300 MB, and starts nothing."""

import os
import struct
import subprocess
import sys

import pytest
from PIL import Image

from images import making
from images.processes import seldom, workers
from uploadsvc.errors import Undecodable
from uploadsvc.images import Picture, Size, TooHeavy, TooManyPixels, Variant
from uploadsvc.images.scans import count_scans

pytestmark = pytest.mark.live

BOX = Variant(Size(320, 240))
MEMORY, SECONDS = 300_000_000, 2

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n{} loop\n%%EOF\n"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"

# One of each class, and what the answer must be.
CLASSES = {
    "png of 3.6 gigapixels": (lambda: making.png(60_000, 60_000), TooManyPixels),
    "gif of 4 gigapixels": (making.gif_flood, TooManyPixels),
    "bmp of 3.6 gigapixels": (making.bmp_flood, TooManyPixels),
    "tiff of 4 gigapixels": (making.tiff_flood, TooManyPixels),
    "webp of 256 megapixels": (making.webp_flood, TooManyPixels),
    "avif of 96 megapixels": (making.avif_flood, Undecodable),
    "jpeg of 4 gigapixels": (making.jpeg_flood, TooManyPixels),
    "png of 88 megapixels": (lambda: making.blank_png(9_400, 9_400), TooManyPixels),
    "png of one row": (lambda: making.png(178_000_000, 1), TooManyPixels),
    "png of 49 megapixels": (lambda: making.blank_png(7_000, 7_000), Picture),
    "rgba of 49 megapixels": (
        lambda: making.blank_png(7_000, 7_000, colour=6, samples=4),
        Picture,
    ),
    "jpeg of 2,000 progressive scans": (making.jpeg_of_many_scans, TooHeavy),
    "jpeg of 65,000 segments": (making.jpeg_of_many_segments, Picture),
    "png with 100 MB of text": (making.png_with_text_bomb, Undecodable),
    "png with a profile of 100 MB": (making.png_with_profile_bomb, (Undecodable, Picture)),
    "jpeg with an exif loop": (making.jpeg_with_exif_loop, Picture),
    "gif of 40,000 frames": (making.gif_of_many_frames, Picture),
    "apng of 2,000 frames": (making.apng_of_many_frames, Picture),
    "tiff of 10,000 pages in a loop": (making.tiff_of_many_pages, Picture),
    "eps that runs for ever": (lambda: EPS, Undecodable),
    "svg that reads a file": (lambda: SVG, Undecodable),
}


@pytest.mark.parametrize("name", seldom(CLASSES, "rgba of 49", "png of 88"))
def test_a_hostile_picture_is_answered_in_time_and_memory(answer, tmp_path, name):
    make, wanted = CLASSES[name]
    file = tmp_path / "hostile"
    file.write_bytes(make())

    outcome, seconds, memory = answer(file)

    assert isinstance(outcome, wanted)
    assert seconds < SECONDS
    assert 0 < memory < MEMORY


PLAIN = """
import resource, sys
from PIL import Image
image = Image.open(sys.argv[1])
image.thumbnail((320, 240))
image.convert("RGB").save(sys.argv[1] + ".jpeg")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def plain_pillow(file, **options):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PLAIN, file],
        capture_output=True, text=True, timeout=30, **options,
    )  # fmt: skip


def test_plain_pillow_takes_more_for_a_file_of_a_few_kilobytes(tmp_path):
    file = tmp_path / "hostile"
    file.write_bytes(making.blank_png(9_400, 9_400))

    assert int(plain_pillow(file).stdout) > MEMORY


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """A `gs` on the path that leaves a mark when it is started; returns the mark."""
    mark = tmp_path / "started"
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n: > {mark}\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return mark


def test_no_program_is_started_for_eps(make_decoders, ghostscript, tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(EPS)

    with pytest.raises(Undecodable):
        make_decoders().draw(file, BOX)
    assert not ghostscript.exists()


def test_plain_pillow_starts_ghostscript(ghostscript, tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(EPS)

    plain_pillow(file)

    assert ghostscript.exists()


def scans(data, enough=1000):
    from io import BytesIO

    return count_scans(BytesIO(data), enough=enough)


def test_counts_the_scans_that_a_decoder_would_read():
    picture = making.corners()

    assert scans(making.encoded(picture, "JPEG")) == 1
    assert scans(making.encoded(picture, "JPEG", progressive=True)) == 10
    assert scans(making.jpeg_of_many_scans(300)) == 309
    assert scans(making.jpeg_of_many_scans(300), enough=101) == 101
    assert scans(b"\xff\xd8") == 0


def test_what_follows_the_picture_or_hides_in_a_segment_is_no_scan():
    data = making.encoded(making.corners(), "JPEG", progressive=True)
    fake = b"\xff\xda\0\x03\0" * 200
    hidden = data[:2] + b"\xff\xe5" + struct.pack(">H", len(fake) + 2) + fake + data[2:]

    assert scans(hidden) == 10
    assert scans(data + fake) == 10


def test_an_end_that_hides_in_a_table_hides_no_scans():
    data = making.jpeg_of_many_scans(300)
    table = b"\xff\xfe\0\x06\xff\xd9\xff\xd9"
    at = data.index(b"\xff\xda")

    assert scans(data[:at] + table + data[at:]) == 309


def test_a_real_progressive_photograph_of_many_pixels_is_welcome(answer, tmp_path):
    file = tmp_path / "photo"
    noise = Image.effect_noise((1000, 750), 60).resize((4000, 3000))
    noise.convert("RGB").save(file, "JPEG", progressive=True)

    assert isinstance(answer(file)[0], Picture)


def test_every_hostile_picture_is_answered(answer, corpus, some, figure, tmp_path):
    folder = corpus("hostile-images")
    files = some(sorted(file for file in folder.rglob("*") if file.is_file()), 10)
    drawn, slowest, most, seen = 0, 0.0, 0, set()

    for file in files:
        outcome, seconds, memory = answer(file)
        drawn += isinstance(outcome, Picture)
        slowest, most = max(slowest, seconds), max(most, memory)
        seen |= workers()

    figure(
        "hostile pictures (`corpus/hostile-images`)",
        "all answered, each under 2 s and 300 MB, no worker lost, no other program started",
        f"{len(files)} answered ({drawn} drawn), slowest {slowest:.2f} s, most "
        f"{most / 1e6:.0f} MB; {len(seen)} decoders came and went, the server stayed",
    )
    assert len(files) > 50
    assert slowest < SECONDS
    assert most < MEMORY


DRIVER = """
import sys
from pathlib import Path
from uploadsvc.errors import Undecodable
from uploadsvc.images import Decoders, Size, Variant
decoders = Decoders(workers=2, memory=300_000_000, seconds=2)
for name in sys.stdin.read().splitlines():
    try:
        decoders.draw(Path(name), Variant(Size(320, 240)))
    except Undecodable:
        pass
decoders.close()
"""


def test_no_hostile_picture_starts_a_program(corpus, some, program, tmp_path):
    strace = program("strace")
    files = some(sorted(file for file in corpus("hostile-images").rglob("*") if file.is_file()), 20)
    log = tmp_path / "log"
    command = [strace, "-f", "-qq", "--seccomp-bpf", "-e", "trace=execve,execveat", "-o", log]

    done = subprocess.run(
        [*command, sys.executable, "-c", DRIVER],
        input="\n".join(map(str, files)), capture_output=True, text=True, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    started = [line for line in log.read_text().splitlines() if "exec" in line and "= 0" in line]
    ours = [line for line in started if f'"{sys.executable}"' in line]
    assert len(ours) >= 3
    assert [line for line in started if line not in ours] == []


def test_every_piece_of_a_picture_is_refused_or_drawn(answer, tmp_path, many):
    """Each byte of a small picture turned over, one at a time: never anything else."""
    file = tmp_path / "broken"
    answers = set()
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF"):
        data = making.encoded(making.corners(24, 16), kind)
        for at in range(0, len(data), max(1, len(data) // many(20, 2000))):
            file.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
            answers.add(type(answer(file)[0]))

    assert {Picture, Undecodable} <= answers <= {Picture, Undecodable, TooManyPixels, TooHeavy}
