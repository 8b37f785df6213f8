"""
Puts results into a document, between the marks `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

import re
from pathlib import Path


class NoPlace(Exception):
    """The document has no marks of that name."""


def put(document: Path, name: str, result: str) -> None:
    """Replace what stands between the marks of that name; raise `NoPlace` without them."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    new, found = between.subn(lambda _: f"{begin}\n\n{result}\n{end}", document.read_text("utf-8"))
    if found != 1:
        raise NoPlace(f"{document} has {found} places for {name}")
    document.write_text(new, "utf-8")
