"""What a person has in hand and sees in the tab, in the words of the tests."""

from browser.pictures import landscape

SMALL = (320, 240)


def a_file(name, data=b"some bytes", media_type="application/octet-stream"):
    return {"name": name, "mimeType": media_type, "buffer": data}


def a_picture(name, palette="noon", size=SMALL):
    return a_file(name, landscape(palette, size), "image/jpeg")


def choose(tab, *files):
    tab.locator("#files").set_input_files(list(files))


def item(tab, name):
    return tab.get_by_role("listitem").filter(has_text=name)


def link(tab, name):
    return item(tab, name).get_by_role("link")


def button(tab, words, name):
    return tab.get_by_role("button", name=f"{words} {name}", exact=True)
