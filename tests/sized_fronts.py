"""Pictures by ID behind nginx and Apache for the tests, and the files that these send of them."""

import os
import time
from dataclasses import dataclass

from apache import running_apache
from clients import fetch
from nginx import running_nginx
from sized_pictures import jpeg, moving_gif, transparent_png
from uploadsvc.signing import Signer

KEY = "the-key-that-signs-all-sizes-here-01"
SETTINGS = {"image_uploads": "true", "signing_keys": KEY, "disk_floor": 0}
HOUR_AGO = time.time() - 3600

WEBP = {"Accept": "image/webp,*/*;q=0.8"}
NAMES_WEBP = ["image/webp", "text/html, IMAGE/WebP ,*/*", "image/webp;q=0,image/webp"]
NAMES_NONE = ["", "*/*", "image/*", "image/jpeg,image/png", "image/avif"]
UNUSUAL = ["image/webp;q=0", "image/webp;q=0.5, image/png", "ximage/webp"]


def nginx(program, **options):
    return running_nginx(program("nginx"), **SETTINGS, **options)


def apache(program, *, avif=False):
    defined = {"IMAGES": ""} | ({"AVIF": ""} if avif else {})
    settings = SETTINGS | ({"avif": "true"} if avif else {})
    return running_apache(program("apache2"), defined=defined, **settings)


FRONTS = {"nginx": nginx, "Apache": apache}


@dataclass(frozen=True)
class Pictures:
    """Pictures that the service behind a front keeps."""

    photo: str
    drawing: str
    film: str

    def signed(self, size):
        return f"/{sign(size, self.photo)}/{size}/{self.photo}"

    def made(self):
        """Paths, and what clients say of themselves, under which files are kept."""
        return [
            (f"/vga/{self.photo}", {}),
            (f"/vga/{self.photo}", WEBP),
            (f"/vga/{self.photo}/Red-chair", {}),
            (f"/vga/{self.photo}/R%C3%BCd%20chair.v2.jpg", WEBP),
            (f"/vga/{self.photo}.jpeg", {}),
            (f"/vga/{self.photo}.png", {}),
            (f"/vga/{self.photo}/.gif", {}),
            (f"/150x150/{self.photo}", {}),
            (f"/square/{self.photo}.avif", {}),
            (f"/small/{self.drawing}", {}),
            (f"/small/{self.drawing}", WEBP),
            (f"/thumb/{self.drawing}.jpeg", {}),
            (f"/small/{self.film}", {}),
            (f"/small/{self.film}", WEBP),
            (f"/mini/{self.film}.png", {}),
            (self.signed("33x22"), {}),
            (self.signed("33x22!"), WEBP),
            (self.signed("44x44!") + "/name.jpg", {}),
            (self.signed("mini"), {}),
        ]


def sign(size, image):
    return Signer([KEY], purpose="size").sign(size, image)


def save(front, data):
    headers = {"Content-Type": "application/octet-stream"}
    answer = fetch(f"{front.url}/o/", method="POST", data=data, headers=headers)
    assert answer.status == 201, answer
    return answer.json["id"]


def saved(front):
    return Pictures(*(save(front, data) for data in (jpeg(), transparent_png(), moving_gif())))


def told(answer):
    """The headers of an answer, but for those that pass and those that each server words alone."""
    own = {"Date", "Server", "Connection", "ETag", "Keep-Alive"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    # The name in it is the one in the URL, which browsers take where it says none.
    headers["Content-Disposition"] = headers.get("Content-Disposition", "").partition(";")[0]
    return headers


def planted(front, name, data=b"planted"):
    """Put a file into the folder of sized pictures."""
    path = front.sized / name
    path.parent.mkdir(mode=0o755, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (HOUR_AGO, HOUR_AGO))
    return path
