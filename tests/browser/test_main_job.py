"""The main job: a phone uploads a photograph, the contact sees it, a day later both are gone."""

import os
import re
import time

import pytest
from playwright.sync_api import expect

from browser.pictures import landscape
from clients import fetch
from conftest import ROOT, SHARED
from servers import running_service

pytestmark = pytest.mark.browser

LINK = re.compile(r"args : \['([^']+)', 'juliet@capulet\.example'\]")
DAY = 86_400


@pytest.fixture(scope="module")
def photographs():
    """Real photographs with their upright shape; generated ones where the corpus is missing."""
    folder = SHARED / "corpus" / "pictures"
    if not folder.exists():
        return {"noon.jpg": landscape("noon", (4000, 3000))}
    names = [
        "photo_12mp_ultrahdr_p3_pixel6.jpg",
        "photo_10mp_orient6_canon1000d.jpg",
        "photo_13mp_progressive_oppo.jpg",
        "cmyk_swop_flyer.jpg",
        "adobergb_2mp.jpg",
        "screenshot_phone.png",
        "alpha_shapes.png",
        "photo_10mp_orient6.webp",
        "orient6_p3_12mp.avif",
    ]
    return {name: (folder / name).read_bytes() for name in names}


def send(phone, service, platform, name, data):
    """Upload as the phone does, and return the link that it is told to send on."""
    answer = phone.send(
        "127.0.0.1",
        service.port,
        "/sendfile?device=phone",
        platform,
        data,
        file_name=name,
        params=[("to", "juliet@capulet.example")],
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return LINK.search(body.decode())[1]


def test_photographs_go_from_the_phone_to_the_contact_and_are_gone_after_a_day(
    tmp_path, browser, phone, photographs
):
    with running_service(tmp_path, disk_floor=0) as service:
        links = [
            send(phone, service, ("android", "ios")[number % 2], name, data)
            for number, (name, data) in enumerate(photographs.items())
        ]
        for link, data in zip(links, photographs.values(), strict=True):
            assert fetch(link).body == data

        shown = look(browser, service, links)
        assert len(shown) == len(photographs)
        assert all(0 < width <= 200 and 0 < height <= 150 for width, height in shown)
        assert all(200 in size or 150 in size for size in shown)

        assert service.command("clean").stdout == ""
        make_old(service.data_dir)
        cleaned = service.command("clean")

        assert cleaned.stdout.splitlines()[-1] == f"gone: {2 * len(photographs)}"
        assert list(service.storage.iterdir()) == []
        assert list(service.previews.iterdir()) == []
        assert {fetch(link).status for link in links} == {404}


def look(browser, service, links):
    """Show the contact's page with the previews; return the size that each is shown at."""
    pictures = "".join(
        f'<a href="{link}"><img src="{service.url}/getpreview?x=200&y=150&addr={link}"></a>\n'
        for link in links
    )
    context = browser.new_context(viewport={"width": 700, "height": 560})
    tab = context.new_page()
    tab.set_content(f"<body style='background:#ddd'>{pictures}</body>")
    for image in tab.locator("img").all():
        expect(image).to_have_js_property("complete", True)
    out = ROOT / "tests-out"
    out.mkdir(exist_ok=True)
    tab.screenshot(path=out / "previews.png")
    shown = [
        (image.evaluate("image => image.naturalWidth"), image.evaluate("i => i.naturalHeight"))
        for image in tab.locator("img").all()
    ]
    context.close()
    return shown


def make_old(data_dir):
    """Turn the clock of every file back by two days."""
    past = time.time() - 2 * DAY
    for folder in ("Storage", "Previews"):
        paths = sorted((data_dir / folder).rglob("*"), reverse=True)
        for path in paths:
            os.utime(path, (past, past))
