"""Pictures for the tests of pictures by ID, and what keeps them, drawing in this process."""

import io
from datetime import timedelta

from PIL import Image

from uploadsvc.errors import Missing
from uploadsvc.failures import Failures
from uploadsvc.images import draw_preview
from uploadsvc.images.preview import probe as probe_picture
from uploadsvc.previews import Previews
from uploadsvc.signing import Signer
from uploadsvc.sized import Images, Records, Sizes
from uploadsvc.sources import Sources
from uploadsvc.storage.local import LocalStorage

KEY = "a key that nobody guesses, of 42 letters.."


def jpeg(width=640, height=480, colour="navy"):
    return _encoded(Image.new("RGB", (width, height), colour), "JPEG")


def noise(width=1000, height=800):
    """A picture that no format makes small."""
    return _encoded(Image.effect_noise((width, height), 80), "JPEG", quality=90)


def transparent_png(width=64, height=48):
    return _encoded(Image.new("RGBA", (width, height), (200, 0, 0, 90)), "PNG")


def moving_gif(width=64, height=48):
    red, blue = (Image.new("RGB", (width, height), colour) for colour in ("red", "blue"))
    return _encoded(red, "GIF", save_all=True, append_images=[blue], duration=100, loop=0)


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def no_fetch(address, into):
    raise Missing("nothing is fetched here")


def probe(path):
    with path.open("rb") as file:
        return probe_picture(file)


def draw(path, variant):
    with path.open("rb") as file:
        return draw_preview(file, variant)


def build_images(
    data,
    *,
    keys=(KEY,),
    base_url="",
    storage=None,
    alt="",
    most=50,
    probe=probe,
    draw=draw,
    **sizes,
):
    failures = Failures(data.previews)
    sources = Sources(
        data.previews, fetch=no_fetch, check_room=lambda size: None, failures=failures
    )
    return Images(
        storage or LocalStorage(data.originals),
        base_url,
        records=Records(data.originals),
        probe=probe,
        opened=sources.opened,
        previews=Previews(
            data.sized,
            sources,
            draw=draw,
            failures=failures,
            keep=timedelta(days=1),
            patience=30,
        ),
        cache=data.sized,
        sizes=Sizes(signer=Signer(keys, purpose="size") if keys else None, **sizes),
        sizes_per_picture=most,
        alt=alt,
    )
