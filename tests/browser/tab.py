"""What a person has in hand and sees in the tab, in the words of the tests."""

import base64
import contextlib
import random
import re

from playwright.sync_api import expect

from browser.pictures import landscape

SMALL = (320, 240)
LARGE = 12_000_000
RATE = 1_000_000  # bytes a second, so that a person, and a test, sees it go
PROGRESS = re.compile(r"· [1-9]\d? %")


def a_file(name, data=b"some bytes", media_type="application/octet-stream"):
    return {"name": name, "mimeType": media_type, "buffer": data}


def a_picture(name, palette="noon", size=SMALL):
    return a_file(name, landscape(palette, size), "image/jpeg")


def a_large_file(folder, name, size=LARGE):
    """A file on disk, larger than what lies in the buffers of a connection."""
    path = folder / name
    path.write_bytes(random.Random(name).randbytes(size))
    return path


def choose(tab, *files):
    tab.locator("#files").set_input_files(list(files))


def item(tab, name):
    return tab.get_by_role("listitem").filter(has_text=name)


def link(tab, name):
    return item(tab, name).get_by_role("link")


def button(tab, words, name):
    return tab.get_by_role("button", name=f"{words} {name}", exact=True)


def stored(service, name):
    """The bytes of the one stored file of that name; None where there is none."""
    paths = list(service.storage.glob(f"*/{name}"))
    assert len(paths) < 2
    return paths[0].read_bytes() if paths else None


def begun(service, name):
    """How many uploads of that name the service knows, finished or not."""
    named = base64.b64encode(name.encode()).decode()
    count = 0
    for path in (service.data_dir / "Uploads").glob("*.record"):
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            count += f"filename {named}" in path.read_text()
    return count


def kept(tab):
    """How many uploads the browser keeps something of."""
    return tab.evaluate(
        """async () => {
            const { Kept } = await import("/static/kept.js");
            return (await new Kept("uploadsvc /files/").all()).length;
        }"""
    )


def begin(tab, source):
    choose(tab, source)
    expect(item(tab, source.name)).to_contain_text(PROGRESS)


def offsets_of(tab):
    """The offsets of all that the tab sends from now on."""
    sent = []

    def note(request):
        if request.method == "PATCH":
            sent.append(int(request.headers["upload-offset"]))

    tab.on("request", note)
    return sent


def is_safe(tab):
    """Whether the page may be left, since all that is unfinished would go on."""
    return tab.evaluate(
        """() => {
            const leaving = new Event("beforeunload", { cancelable: true });
            return dispatchEvent(leaving);
        }"""
    )
