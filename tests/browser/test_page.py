"""The page at `/`, as a person meets it: in a real browser, in front of the real service."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.pictures import landscape
from browser.tab import SMALL, a_file, a_picture, button, choose, item, link
from uploadsvc.web.page import _size_in_words

pytestmark = pytest.mark.browser

SHOTS = Path(__file__).resolve().parents[2] / "tests-out"


def put(tab, event, *files):
    """Fire a drop or a paste that carries files, at the page as a whole."""
    tab.evaluate(
        """([kind, files]) => {
            const carried = new DataTransfer();
            for (const [name, text] of files) carried.items.add(new File([text], name));
            const options = { bubbles: true, cancelable: true };
            const event = kind === "drop"
                ? new DragEvent("drop", { ...options, dataTransfer: carried })
                : new ClipboardEvent("paste", { ...options, clipboardData: carried });
            document.body.dispatchEvent(event);
        }""",
        [event, files],
    )


def test_two_chosen_pictures_become_two_thumbnails_with_links_that_give_the_bytes_back(visit):
    tab = visit()
    pictures = {"dawn.jpg": landscape("dawn", SMALL), "dusk.jpg": landscape("dusk", SMALL)}

    choose(tab, *(a_file(name, data, "image/jpeg") for name, data in pictures.items()))

    for name, data in pictures.items():
        expect(item(tab, name).locator("img")).to_be_visible()
        assert item(tab, name).locator("img").evaluate("image => image.naturalWidth") == 256
        assert tab.request.get(link(tab, name).get_attribute("href")).body() == data


def test_each_file_says_when_it_will_be_gone(visit):
    tab = visit()

    choose(tab, a_file("note.txt"))

    expect(item(tab, "note.txt")).to_contain_text(re.compile(r"gone (today|tomorrow) at \d?\d:"))
    gone = item(tab, "note.txt").locator("time").get_attribute("datetime")
    left = datetime.fromisoformat(gone) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=58) < left <= timedelta(days=1)


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_files_can_be_dropped_or_pasted_anywhere(visit, event):
    tab = visit()

    put(tab, event, ["one.txt", "first"], ["two.txt", "second"])

    for name, text in (("one.txt", "first"), ("two.txt", "second")):
        expect(link(tab, name)).to_be_visible()
        assert tab.request.get(link(tab, name).get_attribute("href")).text() == text


def test_a_link_opens_in_a_tab_of_its_own(visit):
    tab = visit()
    choose(tab, a_picture("valley.jpg"))

    with tab.context.expect_page() as opened:
        link(tab, "valley.jpg").click()

    assert opened.value.evaluate("document.images.length") == 1
    assert opened.value.evaluate("window.opener") is None


def test_what_is_no_picture_shows_its_kind_instead(visit):
    tab = visit()

    choose(tab, a_file("minutes.pdf", b"%PDF-1.4 text"), a_file("broken.png", b"\x89PNG\r\n\x1a\n"))

    for name, kind in (("minutes.pdf", "PDF"), ("broken.png", "PNG")):
        expect(link(tab, name)).to_be_visible()
        expect(item(tab, name).get_by_text(kind, exact=True)).to_be_visible()
        expect(item(tab, name).locator("img")).to_have_count(0)


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_opens_the_chooser_and_the_focus_is_seen(visit, key):
    tab = visit()
    # The browser must know that choosers are caught, before the key: the driver tells it so late.
    tab.on("filechooser", lambda chooser: None)

    tab.keyboard.press("Tab")

    outline = tab.locator("#zone").evaluate("zone => getComputedStyle(zone).outlineStyle")
    assert outline == "solid"
    with tab.expect_file_chooser() as chooser:
        tab.keyboard.press(key)
    assert chooser.value.is_multiple()


def test_the_keyboard_reaches_the_link_and_copies_it(visit):
    tab = visit(permissions=["clipboard-read", "clipboard-write"])
    tab.keyboard.press("Tab")
    choose(tab, a_file("note.txt"))
    expect(link(tab, "note.txt")).to_be_visible()

    tab.keyboard.press("Tab")
    expect(tab.get_by_label("Keep for")).to_be_focused()
    tab.keyboard.press("Tab")
    expect(link(tab, "note.txt")).to_be_focused()
    tab.keyboard.press("Tab")
    expect(button(tab, "Copy link", "note.txt")).to_be_focused()
    tab.keyboard.press("Enter")

    expect(button(tab, "Copied", "note.txt")).to_be_focused()
    href = link(tab, "note.txt").get_attribute("href")
    assert tab.evaluate("navigator.clipboard.readText()") == href


def test_a_link_is_copied_where_plain_http_leaves_no_clipboard_to_scripts(visit, service):
    tab = visit(service.url.replace("127.0.0.1", "plain.test") + "/")
    choose(tab, a_file("note.txt"))

    button(tab, "Copy link", "note.txt").click()

    expect(button(tab, "Copied", "note.txt")).to_be_visible()
    assert tab.evaluate("navigator.clipboard") is None
    tab.evaluate("document.body.append(document.createElement('textarea'))")
    tab.locator("textarea").press("Control+v")
    expect(tab.locator("textarea")).to_have_value(link(tab, "note.txt").get_attribute("href"))


def test_all_links_are_copied_at_once_in_the_order_shown(visit):
    tab = visit(permissions=["clipboard-read", "clipboard-write"])
    choose(tab, a_file("a.txt"), a_file("b.txt"))
    expect(tab.locator("[data-state=done]")).to_have_count(2)

    tab.get_by_role("button", name="Copy all links").click()

    expect(tab.get_by_role("button", name="Copied")).to_be_visible()
    hrefs = [link(tab, name).get_attribute("href") for name in ("a.txt", "b.txt")]
    assert tab.evaluate("navigator.clipboard.readText()").split() == hrefs


def test_a_screen_reader_is_told_what_became_of_a_file(visit):
    tab = visit()

    choose(tab, a_file("note.txt"))

    expect(tab.get_by_role("status")).to_have_text("note.txt is uploaded")
    expect(tab.get_by_role("heading", name="Your files")).to_be_visible()
    expect(tab.get_by_label("choose files")).to_have_attribute("type", "file")


def test_nothing_scrolls_sideways_on_a_narrow_screen(visit):
    tab = visit(viewport={"width": 320, "height": 700}, has_touch=True, is_mobile=True)
    tab.route("**/files/", lambda route: route.fulfill(status=400), times=1)
    choose(tab, a_file("x" * 150 + ".tar.gz"))
    expect(tab.locator("[data-state=failed]")).to_be_visible()
    choose(tab, a_picture("A long name with words " * 6 + ".jpg"), a_file("y" * 150))
    expect(tab.locator("[data-state=done]")).to_have_count(2)
    tab.get_by_text("From the command line").click()

    for width in (320, 390, 768):
        tab.set_viewport_size({"width": width, "height": 700})
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        for control in tab.locator("button:visible").all():
            box = control.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["height"] >= 40


def test_without_a_script_there_is_a_note_and_a_command_line(launch, service):
    browser = launch("--blink-settings=scriptEnabled=false")
    tab = browser.new_page()

    tab.goto(service.url)

    expect(tab.locator("noscript .note")).to_be_visible()
    expect(tab.locator("#zone")).to_be_hidden()
    expect(tab.locator("pre")).to_contain_text(f"{service.url}/sendfile")
    browser.close()


def test_when_a_file_is_gone_is_said_as_people_say_it(visit):
    tab = visit()
    words = {
        "2026-03-10T08:59:00Z": "its time is over",
        "2026-03-10T09:00:20Z": "gone in 1 minute",
        "2026-03-10T09:25:00Z": "gone in 25 minutes",
        "2026-03-10T13:05:00Z": "gone today at 14:05",
        "2026-03-11T09:00:00Z": "gone tomorrow at 10:00",
        "2026-03-15T09:00:00Z": "gone on Sunday at 10:00",
        "2026-03-29T21:00:00Z": "gone on March 29, 2026",
    }

    said = tab.evaluate(
        """async (times) => {
            const { whenGone } = await import("/static/words.js");
            const now = new Date("2026-03-10T09:00:00Z");
            return Object.fromEntries(times.map((time) => [time, whenGone(new Date(time), now)]));
        }""",
        list(words),
    )

    assert said == words


def test_the_script_and_the_page_say_sizes_alike(visit):
    tab = visit()
    sizes = [0, 1, 2, 999, 1000, 1049, 9_960, 99_500, 999_499, 999_500, 10**8, 104_857_600, 10**13]

    said = tab.evaluate(
        """async (sizes) => {
            const { sizeInWords } = await import("/static/words.js");
            return sizes.map(sizeInWords);
        }""",
        sizes,
    )

    assert said == [_size_in_words(size) for size in sizes]


PHOTOGRAPHS = [
    "photo_12mp_ultrahdr_p3_pixel6.jpg",
    "photo_10mp_orient6_canon1000d.jpg",
    "alpha_flower.png",
]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("page-wide", {"viewport": {"width": 1280, "height": 800}}),
        (
            "page-phone",
            {
                "viewport": {"width": 390, "height": 844},
                "device_scale_factor": 2,
                "has_touch": True,
                "is_mobile": True,
            },
        ),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_real_photographs_become_thumbnails_and_the_page_is_kept_as_a_picture(
    visit, corpus, name, options, scheme
):
    tab = visit(color_scheme=scheme, **options)
    folder = corpus("pictures")

    tab.locator("#files").set_input_files([folder / photograph for photograph in PHOTOGRAPHS])

    expect(tab.locator(".thumb img")).to_have_count(len(PHOTOGRAPHS), timeout=30_000)
    SHOTS.mkdir(exist_ok=True)
    suffix = "" if scheme == "light" else "-dark"
    tab.screenshot(path=SHOTS / f"{name}{suffix}.png", animations="disabled")
