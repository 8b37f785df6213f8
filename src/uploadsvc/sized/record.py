"""
What is known of a picture, and what somebody tells of it: values, and how they add up.

What is told again is added to what was told before: titles, references and types are
lists without repeats, the newest last.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from uploadsvc.errors import BadInput
from uploadsvc.images import Facts
from uploadsvc.storage.names import safe_name

_LONGEST = 5000
_MOST = 1000
_MOST_BY_STRANGERS = 20
"""Of each list a thousand are kept, the newest; strangers add to short ones only."""


@dataclass(frozen=True)
class Told:
    """What somebody tells of a picture; each text becomes one line without controls."""

    title: str = ""
    references: tuple[str, ...] = ()
    type: str = ""
    file_name: str = ""
    at: datetime | None = None
    """When that was, in UTC unless it says otherwise; None: now."""
    by_stranger: bool = False
    """Whether anybody may have said so: then a title that is there stays the newest."""

    def __post_init__(self) -> None:
        """Raise `BadInput` for a text of more than 5000 characters."""
        clean = {
            "title": _line(self.title),
            "references": tuple(map(_line, self.references)),
            "type": _line(self.type),
            "file_name": safe_name(self.file_name) if self.file_name else "",
            "at": self.at.replace(tzinfo=UTC) if self.at and not self.at.tzinfo else self.at,
        }
        for name, value in clean.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Record:
    """What is known of an original."""

    sha256: str
    """Hex digits; the ID is a SHA-1, which alone proves nothing any more."""
    size: int
    """Bytes."""
    media_type: str
    width: int
    """Pixels, of the picture as it is shown: upright."""
    height: int
    animated: bool
    created: datetime
    changed: datetime
    file_name: str = ""
    titles: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    @classmethod
    def of(cls, facts: Facts, told: Told, *, sha256: str, size: int, now: datetime) -> "Record":
        """Return the record of a new original."""
        return cls(
            sha256=sha256,
            size=size,
            media_type=facts.media_type,
            width=facts.width,
            height=facts.height,
            animated=facts.animated,
            created=told.at or now,
            changed=told.at or now,
        ).merged(told, now=now)

    def merged(self, told: Told, *, now: datetime) -> "Record":
        """Return the record with what is told added; the same one if that is nothing new."""
        titles = _added(self.titles, told.title)
        if told.by_stranger:
            full = len(self.titles) >= _MOST_BY_STRANGERS
            titles = self.titles if full else _added((told.title,), *self.titles)
        merged = replace(
            self,
            file_name=self.file_name or told.file_name,
            titles=titles,
            references=_added(self.references, *told.references),
            types=_added(self.types, told.type),
        )
        return self if merged == self else replace(merged, changed=told.at or now)

    @property
    def title(self) -> str:
        """The newest title, or nothing."""
        return self.titles[-1] if self.titles else ""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Record":
        """Return the record that `as_json` gave; raise ValueError, KeyError or TypeError."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        for name in ("titles", "references", "types"):
            known[name] = tuple(map(str, known.get(name, ())))
        for name in ("created", "changed"):
            known[name] = datetime.fromisoformat(known[name])
        return cls(**known)

    def as_json(self) -> dict[str, Any]:
        times = {"created": self.created.isoformat(), "changed": self.changed.isoformat()}
        return asdict(self) | times


def _line(text: str) -> str:
    if len(text) > _LONGEST:
        raise BadInput(f"a title, a reference or a type has {_LONGEST} characters at most")
    text = unicodedata.normalize("NFC", text)
    shown = (" " if unicodedata.category(each) in ("Cc", "Zl", "Zp") else each for each in text)
    # A name of a file that is not UTF-8 has half characters in it.
    return " ".join("".join(shown).split()).encode("utf-8", "replace").decode()


def _added(known: tuple[str, ...], *told: str) -> tuple[str, ...]:
    new = tuple(dict.fromkeys(filter(None, told)))
    return (*(each for each in known if each and each not in new), *new)[-_MOST:]
