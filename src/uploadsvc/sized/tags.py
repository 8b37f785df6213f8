"""
`<img>` tags: whatever a title or an attribute holds, it stays text.
"""

import re
from collections.abc import Mapping
from html import escape

from uploadsvc.errors import BadInput

# What HTML allows is wider; what is more than this is a mistake, or an attack.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*", re.ASCII)


def img(attributes: Mapping[str, object]) -> str:
    """
    Return an `<img>` tag with these attributes, in their order.

    `class_` is `class`, `data_id` is `data-id`; one that is None or False is left out, one
    that is True stands without a value. Raise `BadInput` for a name that is none.
    """
    written = (_written(name, value) for name, value in attributes.items())
    return f"<img{''.join(written)}>"


def _written(name: str, value: object) -> str:
    if not _NAME.fullmatch(name):
        raise BadInput("an attribute has a name that is none")
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
