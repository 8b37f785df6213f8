"""A progressive JPEG, cut to what can be seen at an eighth: the same pixels from less."""

import random
import struct
from io import BytesIO

import pytest
from PIL import Image

from images.making import LIMIT, encoded, in_one_piece, scenery
from uploadsvc.images.decoding import decode
from uploadsvc.images.opening import open_picture
from uploadsvc.images.progressive import without_fine_scans
from uploadsvc.images.scans import count_scans

SOF2, DHT, SOS, EOI = b"\xff\xc2", b"\xff\xc4", b"\xff\xda", b"\xff\xd9"


def progressive(size=(400, 304), mode="RGB", **options):
    return encoded(scenery(*size).convert(mode), "JPEG", progressive=True, **options)


def sampled(across, down, *, side=320):
    """A JPEG whose luma has so many samples to one of the other two, across and down."""
    # What a frame of 4:2:2 or 4:2:0 says, and one that says so much otherwise, hold the same
    # number of blocks when both sides are whole: the picture is another one, and a true one.
    data = progressive((side, side), subsampling={2: "4:2:2", 4: "4:2:0"}[across * down])
    at = data.index(SOF2) + 11
    return data[:at] + bytes([across << 4 | down]) + data[at + 1 :]


KINDS = {
    "4:4:4": lambda: progressive(subsampling="4:4:4"),
    "4:2:2": lambda: progressive(subsampling="4:2:2"),
    "4:2:0": lambda: progressive(subsampling="4:2:0"),
    "4:4:0": lambda: sampled(1, 2),
    "4:1:1": lambda: sampled(4, 1),
    "RGB": lambda: progressive(keep_rgb=True),
    "gray": lambda: progressive(mode="L"),
    "CMYK": lambda: progressive(mode="CMYK"),
    "restart markers": lambda: progressive(restart_marker_blocks=7),
    "odd sides": lambda: progressive((393, 305)),
    "odd sides of 4:4:4": lambda: progressive((385, 311), subsampling="4:4:4"),
    "odd sides, gray": lambda: progressive((399, 299), mode="L"),
    "one block": lambda: progressive((8, 8)),
    "one row of blocks": lambda: progressive((1001, 8)),
}


def at_an_eighth(data):
    image = Image.open(BytesIO(data))
    image.draft(None, (1, 1))
    image.load()
    return image


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_at_an_eighth_are_the_same(kind):
    data = KINDS[kind]()

    whole, cut = at_an_eighth(data), at_an_eighth(without_fine_scans(data))

    assert cut.mode == whole.mode
    assert cut.size == whole.size
    assert cut.tobytes() == whole.tobytes()


# Two scans have the first coefficients, their last bit apart. Each colour of half the size has
# two more; for each other component an empty one is added.
@pytest.mark.parametrize(
    ("kind", "scans", "share"),
    [("4:4:4", 2 + 3, 5), ("4:2:2", 2 + 3, 5), ("4:4:0", 2 + 3, 5), ("4:2:0", 2 + 4 + 1, 3),
     ("4:1:1", 2 + 3, 5), ("gray", 2 + 1, 5), ("CMYK", 2 + 4, 5)],
)  # fmt: skip
def test_few_scans_and_little_of_the_file_are_left(kind, scans, share):
    data = KINDS[kind]()
    cut = without_fine_scans(data)

    assert count_scans(BytesIO(cut), enough=99) == scans
    assert len(cut) < len(data) / share


def empty_blocks(cut):
    """How many blocks the last scan says are empty, by T.81 G.1.2.2; it must say nothing else."""
    coded = cut[cut.rindex(SOS) + 10 : -2]
    plain = coded.replace(b"\xff\0", b"\xff")
    assert len(coded) == len(plain) + plain.count(b"\xff")
    bits, blocks, at = f"{int.from_bytes(plain, 'big'):0{8 * len(plain)}b}", 0, 0
    # What is left over of the last byte is filled with ones, which are no code.
    while len(bits) - at >= 8 or bits[at:].strip("1"):
        length = int(bits[at : at + 4], 2)
        blocks += (1 << length) + int(bits[at + 4 : at + 4 + length] or "0", 2)
        at += 4 + length
    return blocks


@pytest.mark.parametrize(
    ("size", "blocks"),
    [((8, 8), 1), ((9, 8), 2), ((393, 305), 50 * 39), ((1457, 1449), 183 * 182),
     ((4001, 3001), 501 * 376)],
)  # fmt: skip
def test_the_empty_scan_has_each_block_once(size, blocks):
    cut = without_fine_scans(encoded(Image.new("L", size), "JPEG", progressive=True))

    assert empty_blocks(cut) == blocks


def test_the_empty_scan_of_a_colour_has_as_many_blocks_as_the_colour():
    image = Image.new("RGB", (401, 300))
    cut = without_fine_scans(encoded(image, "JPEG", progressive=True, subsampling="4:2:2"))

    # 201 samples across make 26 blocks, the last of them with one sample.
    assert empty_blocks(cut) == 26 * 38


def test_without_the_empty_scan_the_decoder_would_smooth():
    data = progressive(mode="L")
    cut = without_fine_scans(data)
    # A restart interval and a table come before the last scan, which is the empty one.
    without_empty = cut[: cut.rindex(b"\xff\xdd\0\4\0\0")] + b"\xff\xd9"

    assert at_an_eighth(without_empty).tobytes() != at_an_eighth(data).tobytes()


def first_scans(data):
    """Only the scans that begin with the first coefficient, which the naive way would keep."""
    kept, at = data[: data.index(SOS)], data.index(SOS)
    while at < len(data) - 2:
        end = min(found for mark in (SOS, DHT, EOI) if (found := data.find(mark, at + 2)) > 0)
        is_scan = data[at : at + 2] == SOS
        if not is_scan or data[at + 5 + 2 * data[at + 4]] == 0:
            kept += data[at:end]
        at = end
    return kept + EOI


def test_the_first_coefficients_alone_are_not_enough_for_colours_of_half_the_size():
    data = progressive(subsampling="4:2:0")

    assert at_an_eighth(first_scans(data)).tobytes() != at_an_eighth(data).tobytes()


def with_adobe(data, transform):
    """With a marker that says how colours are coded, beside the JFIF marker that says it too."""
    at = data.index(b"\xff\xdb")
    return data[:at] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform]) + data[at:]


@pytest.mark.parametrize("transform", [0, 1])
@pytest.mark.parametrize("jfif", [True, False])
def test_what_says_how_colours_are_coded_stays(transform, jfif):
    data = with_adobe(progressive(), transform)
    assert data[2:4] == b"\xff\xe0"
    if not jfif:
        data = data[:2] + data[20:]

    assert at_an_eighth(without_fine_scans(data)).tobytes() == at_an_eighth(data).tobytes()


def test_the_markers_of_colours_change_what_is_seen():
    data = with_adobe(progressive(), 0)

    assert at_an_eighth(data).tobytes() != at_an_eighth(data[:2] + data[20:]).tobytes()


def test_what_is_no_picture_is_left_out():
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    data = progressive(exif=exif, comment=b"a comment", icc_profile=b"a profile")

    cut = without_fine_scans(data)

    assert all(word in data for word in (b"a maker", b"a comment", b"a profile"))
    assert not any(word in cut for word in (b"a maker", b"a comment", b"a profile"))


def test_a_thumbnail_in_its_exif_is_not_taken_for_it():
    small = progressive((80, 64))
    thumbnail = b"\xff\xe1" + struct.pack(">H", 8 + len(small)) + b"Exif\0\0" + small
    data = progressive()

    cut = without_fine_scans(data[:2] + thumbnail + data[2:])

    assert cut == without_fine_scans(data)


def test_pictures_behind_the_first_are_not_taken_for_it():
    data = progressive()

    assert without_fine_scans(data + progressive((80, 64))) == without_fine_scans(data)


def changed(data, at, value):
    return data[:at] + bytes([value]) + data[at + 1 :]


def no_components(data):
    return changed(data, data.index(SOF2) + 9, 0)


def no_width(data):
    at = data.index(SOF2) + 7
    return data[:at] + b"\0\0" + data[at + 2 :]


def no_factors(data):
    return changed(data, data.index(SOF2) + 11, 0)


def second_frame(data):
    frame = encoded(scenery(8, 8), "JPEG")
    at = frame.index(b"\xff\xc0")
    return data[:-2] + frame[at : at + 19] + data[-2:]


def foreign_scan(data):
    return changed(data, data.rindex(SOS) + 5, 77)


LEFT_ALONE = {
    "nothing": lambda: b"",
    "two bytes": lambda: b"\xff\xd8",
    "no frame": lambda: b"\xff\xd8\xff\xd9",
    "a second frame of another kind": lambda: second_frame(progressive()),
    "sequential": lambda: encoded(scenery(80, 64), "JPEG"),
    # As far as a header goes: nothing here writes these codings.
    "arithmetic coding": lambda: progressive().replace(SOF2, b"\xff\xca", 1),
    "lossless": lambda: progressive().replace(SOF2, b"\xff\xc3", 1),
    "PNG": lambda: encoded(scenery(80, 64), "PNG"),
    "no end": lambda: progressive()[:-2],
    "half": lambda: progressive()[: len(progressive()) // 2],
    "a header": lambda: progressive()[: progressive().index(SOS)],
    "no components": lambda: no_components(progressive()),
    "no width": lambda: no_width(progressive()),
    "no factors": lambda: no_factors(progressive()),
    "a scan of a component that is not there": lambda: foreign_scan(progressive()),
}


@pytest.mark.parametrize("kind", LEFT_ALONE)
def test_anything_else_is_left_to_the_decoder(kind):
    assert without_fine_scans(LEFT_ALONE[kind]()) is None


def test_a_broken_one_is_cut_or_left_alone_and_never_an_error(many):
    data = progressive((48, 40))
    dice = random.Random(4)  # the same breaks in every run
    outcomes = set()
    for _ in range(many(3_000, 300_000)):
        broken = bytearray(data)
        for _ in range(dice.choice((1, 1, 2, 8))):
            broken[dice.randrange(len(broken))] = dice.choice((0, 1, 0xFF, dice.randrange(256)))
        outcomes.add(type(without_fine_scans(bytes(broken))))

    assert outcomes == {bytes, type(None)}


def drawn_small(data, wanted):
    file = BytesIO(data)
    return decode(file, open_picture(file, max_pixels=LIMIT), wanted)


@pytest.mark.parametrize("size", [(400, 304), (393, 305), (1001, 999), (97, 65), (1001, 24)])
def test_a_small_preview_is_decoded_from_the_cut(size):
    data = progressive(size)
    wanted = tuple(side // 16 or 1 for side in size)

    pixels = drawn_small(data, wanted)

    whole = at_an_eighth(data)
    assert (pixels.width, pixels.height) == whole.size
    assert in_one_piece(pixels).tobytes() == whole.tobytes()


def test_what_the_cut_would_break_is_decoded_in_full():
    data = progressive((400, 304))
    image = Image.open(BytesIO(data))
    image.draft(None, (100, 76))
    image.load()

    pixels = drawn_small(data, (60, 46))

    assert in_one_piece(pixels).tobytes() == image.tobytes()


@pytest.mark.parametrize("size", [(1, 400), (400, 1), (1, 1)])
def test_one_that_is_too_narrow_for_an_eighth_is_decoded_in_full(size):
    data = progressive(size)
    image = Image.open(BytesIO(data))

    pixels = drawn_small(data, (1, 1))

    assert in_one_piece(pixels).tobytes() == image.tobytes()


def test_a_cut_file_is_refused_as_ever():
    data = progressive()

    with pytest.raises(OSError, match="truncated"):
        drawn_small(data[:-200], (20, 20))
