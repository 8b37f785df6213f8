"""What programs do with pictures by ID."""

import contextlib
import io
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from markup import NASTY, Parsed
from sized_pictures import draw, jpeg, moving_gif, opened, transparent_png
from uploadsvc.errors import BadInput, Missing, Undecodable
from uploadsvc.sized import Address
from uploadsvc.sized.bound import TooManySizes
from uploadsvc.sized.permits import NotSigned
from uploadsvc.storage.memory import MemoryStorage

NONE = "A" * 32 + "01"


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def find(images, path, **options):
    with images.sized.find(Address.parse(path), options.pop("format", "auto"), **options).file as f:
        return opened(f.read())


# Saving


def test_bytes_and_files_are_saved_alike(images, photo):
    assert images.save_image(photo) == images.save_image(io.BytesIO(photo))


def test_the_old_call_with_all_its_arguments_still_works(images, photo):
    at = datetime(2020, 1, 2, 3, 4)  # as old callers give it
    image = images.save_image(photo, "image/gif", at, "A boat", "ref-1", "boat.jpeg", "photo")
    known = images.get_imagedoc(image)

    assert known.media_type == "image/jpeg"
    assert known.created == at.replace(tzinfo=UTC)
    assert (known.titles, known.references, known.types) == (("A boat",), ("ref-1",), ("photo",))
    assert images.get_length(image) == len(photo)


def test_what_is_known_of_a_picture_grows(images, photo):
    image = images.save_image(photo, title="one", references=["a"])
    images.update_metadata(image, title="two", references=["b", "a"], typ="x")
    images.set_title(image, "three")
    known = images.get_imagedoc(image)

    assert known.titles == ("one", "two", "three")
    assert known.references == ("b", "a")
    assert known.types == ("x",)


def test_what_is_no_picture_is_refused(images, data):
    with pytest.raises(Undecodable):
        images.save_image(b"no picture", "image/jpeg", filename="a.jpeg")

    assert files(data.originals) == []


def test_without_an_id_of_a_picture_everything_is_missing(images):
    for call in (
        images.get_imagedoc, images.get_length, images.imageurl, images.scaled_imageurl,
        images.scaled_imagedata, images.scaled_dimensions, images.scaled_tag, images.delete_image,
        images.update_metadata,
    ):  # fmt: skip
        with pytest.raises(Missing):
            call(NONE)
        with pytest.raises(Missing):
            call("../../etc/passwd")


# URLs and tags


def test_urls_have_a_readable_name_and_the_base(make, photo):
    images = make(base_url="https://pictures.example/site/")
    image = images.save_image(photo, title="A boat at sea!")
    base = "https://pictures.example/site"

    assert images.imageurl(image) == f"{base}/o/{image}/A-boat-at-sea.jpeg"
    assert images.imageurl(image, "vga") == f"{base}/vga/{image}/A-boat-at-sea"
    assert images.scaled_imageurl(image) == f"{base}/150x150/{image}/A-boat-at-sea"


def test_without_a_title_the_files_name_decorates_and_without_that_nothing(images, photo):
    named = images.save_image(photo, filename="boat 7.JPG")
    nameless = images.save_image(jpeg(8, 8), filename="")

    assert images.imageurl(named) == f"/o/{named}/boat-7.jpeg"
    assert images.scaled_imageurl(nameless) == f"/150x150/{nameless}"


def test_a_size_that_is_not_open_is_signed(make, photo):
    images = make()
    image = images.save_image(photo, filename="")
    url = images.scaled_imageurl(image, "200x100!")
    address = Address.parse(url)

    assert url == f"/{address.signature}/200x100!/{image}"
    images.sizes.check(address)
    assert make(open_sizes=["all"]).scaled_imageurl(image, "200x100!") == f"/200x100!/{image}"
    with pytest.raises(NotSigned):
        make(keys=()).scaled_imageurl(image, "200x100!")
    for size in ("unknown", "5000x1", "", "../x"):
        with pytest.raises(BadInput):
            images.scaled_imageurl(image, size)


def test_a_tag_has_everything_that_a_browser_needs(make, photo):
    images = make(base_url="https://p.example")
    image = images.save_image(photo, title="A boat")
    [(tag, attributes)] = Parsed(images.scaled_tag(image, "240x240", class_="wide")).tags
    url = images.scaled_imageurl(image, "240x240")

    assert tag == "img"
    assert attributes == {
        "src": url, "width": "240", "height": "180", "alt": "A boat", "class": "wide",
    }  # fmt: skip


def test_the_text_of_a_tag_is_the_newest_title_or_the_files_name_and_an_addition(make, photo):
    images = make(alt="(Example Ltd)")
    image = images.save_image(photo, filename="boat.jpeg")
    nameless = images.save_image(jpeg(8, 8), filename="")

    def text(image, **attributes):
        return Parsed(images.scaled_tag(image, "vga", **attributes)).tags[0][1]["alt"]

    assert text(image) == "boat.jpeg (Example Ltd)"
    images.set_title(image, "old")
    images.set_title(image, "new")
    assert text(image) == "new (Example Ltd)"
    assert text(nameless) == "(Example Ltd)"
    assert text(image, alt="") == ""


@pytest.mark.parametrize("text", NASTY)
def test_markup_in_titles_and_names_stays_text(make, text):
    images = make(base_url="https://p.example/a\"b'<c>", alt=text)
    image = images.save_image(jpeg(9, 9), title=text, filename=f"{text}.jpeg")
    nameless = images.save_image(jpeg(8, 8), filename=f"{text}.jpeg")

    for each in (image, nameless):
        parsed = Parsed(images.scaled_tag(each, "square", data_title=text))
        [(tag, attributes)] = parsed.tags
        assert (tag, parsed.text) == ("img", "")
        assert set(attributes) == {"src", "width", "height", "alt", "data-title"}
        assert attributes["data-title"] == text
        assert attributes["src"].startswith("https://p.example/")


# Sizes


@pytest.mark.parametrize("size", ["o", "mini", "vga", "square", "150x150", "33x7", "1x1", "70x70!"])
@pytest.mark.parametrize("full", [(640, 480), (479, 641), (10, 2000), (3, 3)])
def test_dimensions_are_those_of_the_picture_that_is_drawn(images, size, full):
    image = images.save_image(jpeg(*full))

    assert (
        images.scaled_dimensions(image, size) == opened(images.scaled_imagedata(image, size)).size
    )


def test_dimensions_are_right_for_real_pictures_too(images, corpus, some, figure):
    """Turned by EXIF, in every container, and moving: the record must say what is shown."""
    right, wrong = 0, []
    for path in some(sorted(corpus("pictures").rglob("*.*")), 4):
        # What is no picture, or a broken one, is not shown at any size.
        with contextlib.suppress(Undecodable):
            image = images.save_image(path.read_bytes())
            for size in ("thumb", "square", "xvga"):
                told = images.scaled_dimensions(image, size)
                shown = opened(images.scaled_imagedata(image, size)).size
                right += told == shown
                wrong += [] if told == shown else [(path.name, size, told, shown)]
    figure("dimensions told of real pictures", "all as drawn", f"{right} of {right + len(wrong)}")

    assert wrong == []
    assert right > 20


def test_dimensions_are_told_without_touching_the_image(images, data, photo):
    image = images.save_image(photo)
    (data.originals / image / "original").unlink()

    assert images.scaled_dimensions(image, "240x240") == (240, 180)
    assert files(data.sized) == []


def test_data_is_kept_and_given_again(make, photo, data):
    drawn = []

    def drawing(path, variant):
        drawn.append(variant.size)
        return draw(path, variant)

    images = make(draw=drawing)
    image = images.save_image(photo)

    assert images.scaled_imagedata(image, "vga") == images.scaled_imagedata(image, "vga")
    assert len(drawn) == 1
    assert images.scaled_imagedata(image, "o") == photo


def test_a_program_may_have_any_size_without_a_key(make, photo, data):
    images = make(keys=())
    image = images.save_image(photo)

    assert opened(images.scaled_imagedata(image, "64x64")).size == (64, 48)
    assert files(data.sized) == [f"64x64/{image}~.jpeg"], "where no URL leads"
    with pytest.raises(NotSigned):
        find(images, f"/64x64/{image}")
    with pytest.raises(Missing):
        find(images, f"/64x64/{image}~")


def test_a_storage_that_has_no_files_will_do(make, photo, data):
    images = make(storage=MemoryStorage())
    image = images.save_image(photo)

    assert opened(images.scaled_imagedata(image, "mini")).size == (23, 17)
    assert files(data.previews) == []


# Where things lie


@pytest.mark.parametrize(
    ("path", "options", "kept"),
    [
        ("/vga/{}.jpeg", {}, "vga/{}.jpeg"),
        ("/vga/{}/a-name.jpg", {}, "vga/{}.jpeg"),
        ("/vga/{}.webp", {}, "vga/{}.webp"),
        ("/vga/{}", {}, "vga/{}.jpeg"),
        ("/vga/{}", {"format": "webp"}, "vga/{}.webp"),
        ("/square/{}/x.png", {}, "square/{}.png"),
        ("/150x150/{}", {"still": True}, "150x150/{}-first.jpeg"),
    ],
)
def test_a_picture_lies_where_its_url_says(images, data, photo, path, options, kept):
    image = images.save_image(photo)
    find(images, path.format(image), **options)

    assert files(data.sized) == [kept.format(image)]


def test_a_signed_picture_has_its_signature_in_its_name(images, data, photo):
    image = images.save_image(photo)
    address = Address.parse(images.scaled_imageurl(image, "75x75!"))
    # The square has that size too, and needs none.
    signed = Address.parse(images.scaled_imageurl(image, "60x50!"))
    images.sized.find(signed, "auto").file.close()

    assert address.signature
    assert files(data.sized) == [f"60x50!/{image}-{signed.signature}.jpeg"]
    for wrong in (signed.signature[::-1], "A" * 24):
        with pytest.raises(NotSigned):
            find(images, f"/{wrong}/60x50!/{image}")


def test_a_transparent_picture_asked_for_as_jpeg_is_not_what_others_get(images, data):
    image = images.save_image(transparent_png())

    assert find(images, f"/vga/{image}.jpeg").mode == "RGB"
    assert find(images, f"/vga/{image}").mode in ("RGBA", "LA", "P")


@pytest.mark.parametrize(("still", "kept"), [(False, "webp"), (True, "avif")])
def test_what_moves_is_webp_where_avif_would_be_taken(images, data, still, kept):
    image = images.save_image(moving_gif())
    find(images, f"/vga/{image}", format="avif-or-webp", still=still)

    [name] = files(data.sized)
    assert name.endswith(f".{kept}")


# At most so many


def test_sizes_that_are_open_by_setting_are_bounded_for_each_picture(make, photo):
    images = make(open_sizes=["all"], most=3)
    image, other = images.save_image(photo), images.save_image(jpeg(300, 200))
    for side in (10, 20, 30):
        find(images, f"/{side}x{side}/{image}")
        find(images, f"/{side}x{side}/{image}.webp", still=True)

    with pytest.raises(TooManySizes):
        find(images, f"/40x40/{image}")
    with pytest.raises(TooManySizes):
        find(images, f"/10x10!/{image}")
    for path in (f"/10x10/{image}", f"/30x30/{image}.png", f"/40x40/{other}"):
        assert find(images, path)


def test_neither_named_nor_signed_sizes_count(make, photo):
    images = make(open_sizes=["11x11", "12x12"], most=1)
    image = images.save_image(photo)
    for size in ("vga", "mini", "150x150"):
        find(images, f"/{size}/{image}")
    find(images, images.scaled_imageurl(image, "90x90"))
    find(images, f"/11x11/{image}")

    with pytest.raises(TooManySizes):
        find(images, f"/12x12/{image}")
    assert find(images, images.scaled_imageurl(image, "91x91"))
    assert images.scaled_imagedata(image, "12x12")


def test_a_size_that_is_gone_makes_room_for_another(make, photo, data):
    images = make(open_sizes=["all"], most=1)
    image = images.save_image(photo)
    find(images, f"/10x10/{image}")
    for path in data.sized.rglob("*.jpeg"):
        path.unlink()

    assert find(images, f"/20x20/{image}")


def test_many_who_ask_at_once_get_no_more_than_there_may_be(make, photo, data):
    images = make(open_sizes=["all"], most=5)
    image = images.save_image(photo)
    together, refused = threading.Barrier(20), []

    def ask(side):
        together.wait()
        try:
            find(images, f"/{side}x{side}/{image}")
        except TooManySizes as error:
            refused.append(error)

    threads = [threading.Thread(target=ask, args=(side,)) for side in range(100, 120)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 15
    assert len(files(data.sized)) == 5


# Deleting


def test_deleting_removes_everything(make, photo, data):
    """Under the name of every format, with every key, and for programs; without the notes too."""
    images = make(open_sizes=["33x33"])
    image, other = images.save_image(photo), images.save_image(transparent_png())
    for each in (image, other):
        for extension in ("", ".jpeg", ".png", ".gif", ".webp", ".avif"):
            for still in (False, True):
                find(images, f"/vga/{each}{extension}", still=still)
                find(images, f"/33x33/{each}{extension}", still=still)
                url = images.sizes.signature("44x44!", each)
                find(images, f"/{url}/44x44!/{each}{extension}", still=still)
    make(keys=()).scaled_imagedata(image, "55x55")
    before = files(data.sized)
    (data.originals / image / "made").unlink()
    images.delete_image(image)

    assert sum(image in name for name in before) == 3 * 2 * 5 + 1
    assert [name for name in files(data.path) if image in name] == []
    assert files(data.sized) == [name for name in before if other in name]
    assert images.get_length(other)


def test_after_deleting_nothing_is_given_any_more(images, photo):
    image = images.save_image(photo)
    find(images, f"/vga/{image}")
    images.delete_image(image)

    for call in (images.get_length, images.scaled_imagedata, images.delete_image):
        with pytest.raises(Missing):
            call(image)
    with pytest.raises(Missing):
        find(images, f"/vga/{image}")
    assert images.save_image(photo) == image


def test_a_picture_deleted_while_a_size_is_made_leaves_nothing(make, photo, data):
    def drawing(path, variant):
        picture = draw(path, variant)
        images.delete_image(image)
        return picture

    images = make(draw=drawing)
    image = images.save_image(photo)

    with pytest.raises(Missing):
        find(images, f"/vga/{image}")
    assert files(data.originals) == files(data.sized) == []


# Browsing


def test_pictures_are_browsed_in_the_order_of_their_ids(images):
    saved = sorted(images.save_image(jpeg(8, side)) for side in range(1, 6))

    assert [images.get_next_imageid(each) for each in saved] == [*saved[1:], saved[-1]]
    assert [images.get_previous_imageid(each) for each in saved] == [saved[0], *saved[:-1]]
    assert {images.get_random_imageid() for _ in range(200)} == set(saved)


def test_where_there_are_none_there_is_none_at_random(images):
    with pytest.raises(Missing):
        images.get_random_imageid()


def test_nothing_is_written_beside_the_folders_of_pictures(images, photo, data):
    image = images.save_image(photo, title="../../x", filename="../../../x.jpeg")
    find(images, f"/vga/{image}/..%2f..%2fx.jpeg")

    assert {Path(name).parts[0] for name in files(data.path)} == {
        ".uploadsvc", "Originals", "Sized",
    }  # fmt: skip
