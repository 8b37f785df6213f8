"""What moves still does, as often and as fast, as long as it is not too much."""

from io import BytesIO
from itertools import count
from random import Random

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from images.making import ORIENTATION, encoded, near, shown
from images.test_colours import SWAPPED
from uploadsvc.images import Recipe, Size, Variant, draw_preview
from uploadsvc.images.animation import Animation
from uploadsvc.images.encoding import Movement, seconds_to_encode
from uploadsvc.images.opening import open_picture
from uploadsvc.images.preview import probe
from uploadsvc.images.recipe import STANDARD

KINDS = ["GIF", "PNG", "WEBP", "AVIF"]
MOVING = ["gif", "webp"]
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
DURATIONS = [40, 100, 250, 1000]
BOX = Size(40, 40)


def frames(number=4, size=(80, 60), mode="RGB"):
    return [Image.new(mode, size, COLOURS[n % 4]) for n in range(number)]


def moving(kind, pictures=None, **options):
    first, *rest = pictures or frames()
    options = {"duration": DURATIONS} | options if pictures is None else options
    return encoded(first, kind, save_all=True, append_images=rest, **options)


def drawn(data, format="webp", recipe=STANDARD, size=BOX, **options):
    return draw_preview(BytesIO(data), Variant(size, format, **options), recipe)


def all_frames(image):
    """Each frame as it is shown, with how long."""
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        seen = image.convert("RGBA")
        yield seen, image.info.get("duration")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", MOVING)
def test_every_frame_is_shown_for_as_long_as_before(kind, format):
    data = moving(kind)
    picture = drawn(data, format)
    seen = list(all_frames(shown(picture)))

    assert picture.animated
    assert probe(BytesIO(data)).animated
    assert picture.extension == format
    assert [image.size for image, _ in seen] == [(40, 30)] * 4
    assert [duration for _, duration in seen] == DURATIONS
    for (image, _), colour in zip(seen, COLOURS, strict=True):
        assert near(image.getpixel((20, 15)), (*colour, 255), 12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", MOVING)
def test_it_goes_on_for_ever_where_it_did(kind, format):
    options = {} if kind == "AVIF" else {"loop": 0}  # AVIF has no other way

    assert shown(drawn(moving(kind, **options), format)).info["loop"] == 0


@pytest.mark.parametrize(
    ("kind", "loop", "plays"),
    [("GIF", None, 1), ("GIF", 1, 2), ("GIF", 3, 4), ("PNG", 1, 1), ("PNG", 3, 3),
     ("WEBP", 1, 1), ("WEBP", 3, 3)],
)  # fmt: skip
def test_it_is_shown_as_often_as_before(kind, loop, plays):
    """WebP and APNG say how often; GIF says how often again, or nothing."""
    data = moving(kind, **({} if loop is None else {"loop": loop}))

    assert shown(drawn(data, "webp")).info["loop"] == plays
    assert shown(drawn(data, "gif")).info.get("loop") == (plays - 1 or None)


@pytest.mark.parametrize("format", MOVING)
@pytest.mark.parametrize(
    ("kind", "options"),
    [("GIF", {"loop": 65_535}), ("PNG", {"loop": 2**31 - 1}), ("PNG", {"duration": 6_000_000})],
)
def test_what_a_format_cannot_say_is_said_as_far_as_it_can(kind, options, format):
    image = shown(drawn(moving(kind, frames(), **options), format))
    image.load()

    assert image.n_frames == 4
    assert image.info.get("loop") == 0 or image.info["duration"] == 655_350


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", ["auto", "gif", "webp", "jpeg", "png", "avif"])
def test_a_still_is_the_first_frame_alone(kind, format):
    picture = drawn(moving(kind), format, still=True)
    image = shown(picture)

    assert not picture.animated
    assert getattr(image, "n_frames", 1) == 1
    assert near(image.convert("RGB").getpixel((20, 15)), COLOURS[0], 12)
    assert picture.faithful == (format != "gif")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", ["jpeg", "png", "avif"])
def test_a_format_that_does_not_move_shows_the_first_frame_and_says_so(kind, format):
    picture = drawn(moving(kind), format)

    assert not picture.animated
    assert not picture.faithful
    assert near(shown(picture).convert("RGB").getpixel((20, 15)), COLOURS[0], 12)


@pytest.mark.parametrize("kind", KINDS)
def test_where_there_is_a_choice_it_is_one_that_moves(kind):
    assert drawn(moving(kind), "auto").extension == "gif"
    assert drawn(moving(kind), "avif-or-webp").extension == "webp"


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_of_frames_is_welcome_and_one_more_is_a_still(kind):
    recipe = Recipe(max_frames=5)

    assert shown(drawn(moving(kind, frames(5)), recipe=recipe)).n_frames == 5
    one_more = drawn(moving(kind, frames(6)), recipe=recipe)
    assert not one_more.animated
    assert not one_more.faithful
    assert near(shown(one_more).convert("RGB").getpixel((20, 15)), COLOURS[0], 12)


def redrawn(data, recipe, *, clock):
    """What comes of it, and the frame that it is left at."""
    animation = Animation.of(open_picture(BytesIO(data), max_pixels=10**6))
    outcome = animation.redrawn(lambda frame: frame.resize((4, 3)), recipe, clock=clock)
    return outcome, animation.image.tell()


@pytest.mark.parametrize("kind", KINDS)
def test_what_takes_too_long_is_given_up(kind):
    """Each look at this clock takes a second."""
    data = moving(kind, frames(6))

    in_time, _ = redrawn(data, Recipe(animation_seconds=7), clock=count().__next__)
    too_slow = redrawn(data, Recipe(animation_seconds=6), clock=count().__next__)

    assert len(in_time[0]) == 6
    assert too_slow == (None, 0)


def seconds(pictures):
    movement = Movement([100] * len(pictures), plays=0)
    return seconds_to_encode(pictures, movement, "webp", STANDARD)


def test_a_few_frames_tell_how_long_all_take_to_encode():
    # Three are tried in both cases, whatever the machine is doing meanwhile.
    assert seconds(frames(3000)) > 20 * seconds(frames(3)) > 0


def test_what_comes_later_counts_too():
    quiet = [Image.new("RGB", (160, 120))] * 30
    busy = [Image.frombytes("RGB", (160, 120), Random(4).randbytes(57_600))] * 60

    assert seconds(quiet + busy) > 3 * seconds(quiet * 3)


@pytest.mark.live
def test_more_pixels_than_fit_are_a_still():
    data = moving("GIF", frames(20, size=(1000, 900)))

    assert not drawn(data, "gif", size=Size(1000, 1000)).animated
    assert drawn(data, "gif", size=Size(100, 100)).animated


def walking():
    """A disc that walks over nothing and leaves nothing behind."""
    pictures = []
    for n in range(4):
        image = Image.new("RGBA", (80, 60))
        ImageDraw.Draw(image).ellipse((n * 20, 20, n * 20 + 19, 39), (*COLOURS[n], 255))
        pictures.append(image)
    return pictures


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", MOVING)
def test_nothing_stays_of_the_frame_before(kind, format):
    options = {"disposal": 2} if kind == "GIF" else {}
    picture = drawn(moving(kind, walking(), **options), format)
    seen = [image for image, _ in all_frames(shown(picture))]

    assert len(seen) == 4
    for number, image in enumerate(seen):
        alphas = [image.getpixel((x, 15))[3] for x in (5, 15, 25, 35)]
        assert alphas == [255 * (n == number) for n in range(4)]
        assert near(image.getpixel((5 + 10 * number, 15))[:3], COLOURS[number], 30)


def test_a_gif_that_draws_over_the_frame_before_is_put_together():
    """Each frame adds a square to those that are there already."""
    canvas, pictures = Image.new("RGB", (80, 60), "black"), []
    for number, colour in enumerate(COLOURS):
        canvas = canvas.copy()
        canvas.paste(colour, (number * 20, 20, number * 20 + 20, 40))
        pictures.append(canvas)
    data = moving("GIF", pictures)
    parts = Image.open(BytesIO(data))
    parts.seek(3)
    assert parts.tile[0].extents != (0, 0, 80, 60)

    *_, (last, _) = all_frames(shown(drawn(data)))
    for number, colour in enumerate(COLOURS):
        assert near(last.getpixel((5 + 10 * number, 15))[:3], colour, 40)


def test_the_picture_for_those_who_know_no_apng_is_not_part_of_it():
    data = moving("PNG", frames(4), default_image=True, duration=100)
    seen = [image.getpixel((20, 15))[:3] for image, _ in all_frames(shown(drawn(data)))]

    assert len(seen) == 3
    assert all(map(near, seen, COLOURS[1:], [12] * 3))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("format", MOVING)
def test_the_profile_holds_for_every_frame(kind, format):
    """One that has red and blue the other way round."""
    seen = all_frames(shown(drawn(moving(kind, frames(3), icc_profile=SWAPPED), format)))

    for (image, _), colour in zip(seen, [(0, 0, 255), (0, 255, 0), (255, 0, 0)], strict=True):
        assert near(image.getpixel((20, 15))[:3], colour, 30)


# Of AVIF, Pillow cannot make one that is turned.
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_every_frame_is_upright(kind):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    pictures = frames(3)
    for image in pictures:
        image.paste("black", (0, 0, 40, 30))

    for image, _ in all_frames(shown(drawn(moving(kind, pictures, exif=exif)))):
        assert image.size == (30, 40)
        # What lies at the top left in the file is at the top right when it is turned.
        assert near(image.getpixel((22, 10))[:3], (0, 0, 0), 12)
        assert sum(image.getpixel((7, 30))[:3]) > 200


@pytest.mark.parametrize("format", MOVING)
def test_every_frame_is_cropped(format):
    picture = drawn(moving("GIF"), format, size=Size(20, 30, crop=True))

    assert [image.size for image, _ in all_frames(shown(picture))] == [(20, 30)] * 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_frames_are_as_close_as_stills(kind):
    """Fine stripes over a ramp: nothing is drawn with the nearest neighbour."""
    pictures = []
    for turn in (0, 90, 180):
        image = Image.linear_gradient("L").rotate(turn)
        image.paste(0, mask=Image.linear_gradient("L").point(lambda n: 255 * (n % 2)))
        pictures.append(image.convert("RGB"))
    options = {"lossless": True} if kind == "WEBP" else {}

    seen = all_frames(shown(drawn(moving(kind, pictures, **options), size=Size(64, 64))))

    for (image, _), whole in zip(seen, pictures, strict=True):
        ideal = whole.resize((64, 64), Image.Resampling.LANCZOS)
        assert max(ImageStat.Stat(ImageChops.difference(image.convert("RGB"), ideal)).rms) < 6


def test_one_frame_that_could_move_is_a_still():
    for kind in KINDS:
        assert not drawn(moving(kind, frames(1))).animated
