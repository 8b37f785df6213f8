"""
Answers in JSON for pages of any site: as they are, or as a script that calls back (JSONP).

Such a script runs in the page that asked, so what stands in front of the parenthesis is a
name and nothing else, and what stands within ends no script tag and no line.
"""

import json
import re

from webob import Response

from uploadsvc.errors import BadInput
from uploadsvc.web.headers import keep_nowhere

_LONGEST = 128
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z_$][A-Za-z0-9_$]*)*")

# ECMA-262 12.7.2 and what is reserved in strict mode; and the names by which prototypes,
# and through them everything else, can be reached.
_RESERVED = frozenset((
    "arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger",
    "default", "delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally",
    "for", "function", "if", "implements", "import", "in", "instanceof", "interface", "let",
    "new", "null", "package", "private", "protected", "public", "return", "static", "super",
    "switch", "this", "throw", "true", "try", "typeof", "var", "void", "while", "with", "yield",
    "__proto__", "constructor", "prototype",
))  # fmt: skip

# Besides what JSON itself escapes: what could end a script, or a line of one (U+2028, U+2029
# are never written as they are).
_ESCAPED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def check_callback(name: str) -> None:
    """Raise `BadInput` unless this is the name of a function, perhaps with dots in it."""
    is_name = len(name) <= _LONGEST and _NAME.fullmatch(name)
    if not is_name or not _RESERVED.isdisjoint(name.split(".")):
        raise BadInput("callback must be the name of a function")


def told(facts: dict[str, object], *, callback: str | None) -> Response:
    """Return the facts as JSON, or as a script that calls a function which was checked."""
    text = json.dumps(facts).translate(_ESCAPED)
    if callback is None:
        response = Response(body=text.encode(), content_type="application/json")
    else:
        response = Response(
            body=f"{callback}({text})".encode(),
            content_type="application/javascript",
            charset="utf-8",
        )
    return keep_nowhere(response)
