"""Names that are markup: the page shows them, and nothing in them runs."""

import pytest
from playwright.sync_api import expect

from browser.tab import a_file, choose, item, link

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=document.title='ran'>.png"


def test_a_name_that_is_markup_is_shown_as_text_and_runs_nothing(visit):
    tab = visit()

    choose(tab, a_file(HOSTILE))

    expect(item(tab, HOSTILE).locator("bdi")).to_have_text(HOSTILE)
    expect(link(tab, HOSTILE)).to_be_visible()
    expect(item(tab, HOSTILE).locator("img")).to_have_count(0)
    assert tab.title() == "Share a file"


def test_a_page_that_writes_names_as_markup_would_be_noticed(visit):
    tab = visit("about:blank")

    tab.evaluate("name => { document.body.innerHTML = name; }", HOSTILE)

    expect(tab).to_have_title("ran")


def test_the_policy_refuses_a_script_in_the_page_and_the_browser_says_so(visit):
    tab = visit()

    tab.evaluate(
        """() => new Promise(failed => {
            const image = document.createElement("img");
            image.setAttribute("src", "static/none.svg");
            try { image.setAttribute("onerror", "document.title = 'ran'"); } catch {}
            // Called after the handler above.
            image.addEventListener("error", failed);
            document.body.append(image);
        })"""
    )

    assert tab.title() == "Share a file"
    assert any("onerror" in c or "inline" in c or "Trusted" in c for c in tab.complaints)
    tab.complaints.clear()
