"""What a browser makes of markup, and texts that try to be markup."""

from html.parser import HTMLParser


class Parsed(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


NASTY = ['"><script>alert(1)</script>', "' onerror='alert(1)", "&quot;", "a\nb", "<!--", "`", "\\"]
