"""A second size of a picture is drawn from a preview at hand, where that shows all of it."""

import io
from datetime import timedelta

import pytest
from PIL import Image

from uploadsvc import removal
from uploadsvc.addresses import AddressPreviews
from uploadsvc.failures import Failures
from uploadsvc.images import Size, Variant, draw_preview
from uploadsvc.links import Links
from uploadsvc.previews import Previews
from uploadsvc.sources import Sources
from uploadsvc.storage.local import LocalStorage

LINKS = Links(storage_path="/files")
HERE = "http://here.example"


class Drawing:
    """Previews of one stored picture, and what each was drawn from."""

    def __init__(self, folder, data):
        self.storage = LocalStorage(folder / "Storage")
        self.previews = folder / "Previews"
        self.drawn_from = []
        failures = Failures(self.previews)
        self.found = AddressPreviews(
            self.storage,
            LINKS,
            Previews(
                self.previews,
                Sources(self.previews, fetch=None, failures=failures),
                draw=self._draw,
                failures=failures,
                keep=timedelta(days=1),
                patience=30,
            ),
            notes=self.previews,
        )
        self.stored = self.storage.save("picture", [data])

    def _draw(self, path, variant):
        self.drawn_from.append("original" if path.name == "picture" else path.suffix[1:])
        with path.open("rb") as file:
            return draw_preview(file, variant)

    def ask(self, size, wanted="jpeg", **more):
        link = LINKS.link(self.stored.key, requested=HERE)
        variant = Variant(Size.read(size, max_side=2048), wanted, **more)
        preview = self.found.find(link, variant, requested=HERE)
        with preview.file as file:
            return Image.open(io.BytesIO(file.read()))


@pytest.fixture
def drawing(tmp_path):
    for name in ("Storage", "Previews"):
        (tmp_path / name).mkdir()

    def make(image=None, kind="PNG", **options):
        file = io.BytesIO()
        image = image or Image.effect_noise((803, 601), 60).convert("RGB")
        image.save(file, kind, **options)
        return Drawing(tmp_path, file.getvalue())

    return make


def test_the_largest_one_that_is_twice_as_large_is_taken(drawing):
    pictures = drawing()
    pictures.ask("400x400")
    pictures.ask("300x300", "webp")
    pictures.ask("150x150")

    assert pictures.drawn_from == ["original", "original", "jpeg"]


def test_what_is_nearly_as_small_is_not(drawing):
    pictures = drawing()
    pictures.ask("300x300")
    pictures.ask("151x151")

    assert pictures.drawn_from == ["original", "original"]


@pytest.mark.parametrize("size", ["100x100", "97x31", "1x100", "100x40!", "64x64!"])
def test_it_has_the_size_that_it_would_have_had(drawing, size):
    pictures = drawing()
    pictures.ask("700x700")
    small = pictures.ask(size)

    assert pictures.drawn_from == ["original", "jpeg"]
    assert small.size == Size.read(size, max_side=2048).fit(803, 601)


def test_it_shows_the_same(drawing):
    scene = Image.linear_gradient("L").resize((800, 600)).convert("RGB")
    scene.paste("red", (0, 0, 400, 300))
    pictures = drawing(scene)
    pictures.ask("400x400")
    small = pictures.ask("80x80")

    assert small.getpixel((10, 10))[0] > 240
    assert max(small.getpixel((70, 58))) - min(small.getpixel((70, 58))) < 6


def test_a_part_needs_more_of_the_whole(drawing):
    """A square of a wide picture: what is left and right of it counts for nothing."""
    pictures = drawing(Image.new("RGB", (900, 300), "teal"))
    pictures.ask("300x300")
    pictures.ask("60x60!")
    pictures.ask("50x50!")

    assert pictures.drawn_from == ["original", "original", "jpeg"]


def test_one_that_shows_less_than_the_picture_is_not_taken(drawing):
    glass = Image.new("RGBA", (800, 600), (255, 0, 0, 60))
    pictures = drawing(glass)
    flat = pictures.ask("400x400", "jpeg")
    clear = pictures.ask("100x100", "webp")

    assert flat.mode == "RGB"
    assert clear.getpixel((50, 30))[3] < 70
    assert pictures.drawn_from == ["original", "original"]


def test_nor_is_a_crop_a_still_or_what_moves(drawing):
    later = Image.new("RGB", (800, 600), "navy")
    pictures = drawing(kind="GIF", save_all=True, append_images=[later])
    pictures.ask("400x400!", "webp")
    pictures.ask("400x400", "webp")
    pictures.ask("400x400", "webp", still=True)
    pictures.ask("100x100", "jpeg")

    assert pictures.drawn_from == ["original"] * 4


def test_one_that_is_gone_or_broken_is_done_without(drawing):
    pictures = drawing()
    pictures.ask("400x400")
    [kept] = pictures.previews.glob("*.jpeg")
    kept.write_bytes(b"broken")
    pictures.ask("100x100")
    kept.unlink()
    pictures.ask("90x90")

    assert pictures.drawn_from == ["original", "jpeg", "original", "original"]


def test_a_removed_picture_leaves_no_notes(drawing):
    pictures = drawing()
    pictures.ask("400x400")
    removal.remove(pictures.storage, pictures.stored.key, previews=pictures.previews)

    assert list(pictures.previews.iterdir()) == []
