"""
The parameters of a request, read strictly: UTF-8 or nothing.
"""

from urllib.parse import parse_qsl

from webob import Request

from uploadsvc.errors import BadInput

_MAX_PARAMETERS = 100


def parameters(request: Request) -> dict[str, set[str]]:
    """
    Return what the query string says: each name with the different values it is given.

    Raise `BadInput` for what is not UTF-8, and for more than a hundred parameters.
    """
    # PEP 3333: the bytes of the query, as latin-1.
    raw = request.environ.get("QUERY_STRING", "").encode("latin-1")
    found: dict[str, set[str]] = {}
    try:
        pairs = parse_qsl(
            raw.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except UnicodeDecodeError as error:
        raise BadInput("the query is not UTF-8") from error
    except ValueError as error:
        raise BadInput("the query has too many parameters") from error
    for name, value in pairs:
        found.setdefault(name, set()).add(value)
    return found


def one(name: str, *sources: dict[str, set[str]]) -> str | None:
    """
    Return the one value that a parameter has, wherever it is given; None when nowhere.

    Raise `BadInput` when it is given twice with different values.
    """
    values = {value for source in sources for value in source.get(name, ())}
    if len(values) > 1:
        raise BadInput(f"{name} is given twice, with different values")
    return values.pop() if values else None


def is_still(query: dict[str, set[str]]) -> bool:
    """Whether `frame=first` asks for a still of what moves; raise `BadInput` for others."""
    frame = one("frame", query)
    if frame not in (None, "first"):
        raise BadInput("frame can only be first")
    return frame == "first"
