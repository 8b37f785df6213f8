"""
A form with one file, read from the body as it comes: never as a whole, never twice.

Rules, each a 400 when broken: one file part, of the field that is asked for, with one file
name of at least a character; part headers of 4 KB at most, in UTF-8; at most a hundred
parts; the body ends where it says it does. Fields may stand before and after the file.
RFC 7578 is the format, read by a strict parser; the parser stops at the final boundary, so
whether the body really ended is checked here.
"""

import re
from collections.abc import Iterator
from typing import Any

from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)
from webob import Request

from uploadsvc.errors import BadInput, BrokenOff, TooLarge
from uploadsvc.web.body import Body
from uploadsvc.web.errors import LengthRequired

_MAX_PARTS = 100
_MAX_PART_HEADER = 4096
_MAX_FIELD = 1 << 16
_SLACK = 1 << 16
"""How much longer than its file a form may be."""

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_EMPTY_NAME = re.compile(r';\s*filename\s*=\s*(""|;|$)', re.IGNORECASE)
_OPTION = re.compile(r";\s*([^\s=;]+)\s*=")
_USUAL = re.compile(r'form-data; name="[^"\\]*"(; filename="[^"\\]*")?')


class FileForm:
    def __init__(
        self, request: Request, *, field: str | None, limit: int, prompt: bool = False
    ) -> None:
        """
        Begin to read the form; `field` is that of the file, None for any; `limit` is its size
        in bytes. With `prompt` each chunk comes as soon as it can.

        Raise `TooLarge` before anything is read where the length of the body tells.
        """
        self.fields: dict[str, set[str]] = {}
        """What the fields say that were read so far; complete when the chunks have ended."""
        length = request.content_length or 0
        if length > limit + _SLACK:
            raise TooLarge(_too_large(limit))
        self.expected = max(0, length - _SLACK)
        """At least how many bytes the file will have, by the length of the body."""
        self.media_type = ""
        """What the client says that the file is, as it was sent; known when it is open."""
        self.before = 0
        """About how many bytes of the body stand before the file; known when it is open."""
        self._field = field
        self._limit = limit
        self._body = Body(request, prompt=prompt)
        self._boundary = _boundary(request)
        self._events = self._parse()

    @property
    def received(self) -> int:
        """Bytes of the body that were read so far."""
        return self._body.received

    def open(self) -> str:
        """Read up to the file; return its name, as it was sent. Raise `BadInput` if none."""
        for event in self._events:
            if isinstance(event, MultipartSegment):
                self.before += len(self._boundary) + _checked_head(event) + len("--\r\n\r\n")
                if event.filename is not None:
                    return self._accept(event)
                self.before += self._read_field(event) + len("\r\n")
        raise self._no_file()

    def chunks(self) -> Iterator[bytes]:
        """
        Yield the file's bytes as they come, then read the rest of the form.

        Ends only when the whole form was right; raises `BadInput`, `BrokenOff` when it
        ended too early, or `TooLarge`.
        """
        received = 0
        for event in self._events:
            if event is None:
                break
            received += len(event)
            if received > self._limit:
                raise TooLarge(_too_large(self._limit))
            yield event
        for event in self._events:
            if isinstance(event, MultipartSegment):
                _checked_head(event)
                if event.filename is not None:
                    raise BadInput("the form has more than one file")
                self._read_field(event)

    def _accept(self, part: MultipartSegment) -> str:
        if self._field not in (None, part.name):
            raise self._no_file()
        if not part.filename and _has_empty_name(part):
            raise BadInput("no file was chosen")
        self.media_type = part.header("Content-Type") or ""
        return str(part.filename)

    def _no_file(self) -> BadInput:
        field = f" in a field {self._field!r}" if self._field else ""
        return BadInput(f"the form has no file{field}")

    def _read_field(self, part: MultipartSegment) -> int:
        """Read a field to its end; return how many bytes it has."""
        value = b""
        for event in self._events:
            if event is None:
                break
            value += event
            if len(value) > _MAX_FIELD:
                raise BadInput("a field of the form is too long")
        try:
            self.fields.setdefault(str(part.name), set()).add(value.decode())
        except UnicodeDecodeError as error:
            raise BadInput("a field of the form is not UTF-8") from error
        return len(value)

    def _parse(self) -> Iterator[Any]:
        """Yield the parser's events: a part's head, its bytes in pieces, None at its end."""
        try:
            with PushMultipartParser(
                self._boundary,
                strict=True,
                max_header_size=_MAX_PART_HEADER,
                max_segment_count=_MAX_PARTS,
            ) as parser:
                yield from self._feed(parser)
        except MultipartError as error:
            # The parser's first argument is a sentence of its own, without the client's bytes.
            raise BadInput(f"the form is malformed: {error.args[0]}") from error

    def _feed(self, parser: PushMultipartParser) -> Iterator[Any]:
        final = b"\r\n--" + self._boundary.encode() + b"--"
        tail = b"\r\n"
        while piece := self._body.read():
            part_ended = False
            for event in parser.parse(piece):
                part_ended = event is None
                yield event
            # The parser does not say that it met the final boundary. It is looked for only
            # where a part has just ended: no other place can hold it without an error.
            if part_ended:
                window = tail + piece
                if (end := window.find(final)) >= 0:
                    self._body.finish(window[end + len(final) :], final[2:-2])
                    return
            tail = (tail + piece[-len(final) :])[-len(final) :]
        if not self._body.received and not self._body.is_announced:
            raise LengthRequired("the request has neither a length nor a body")
        try:
            parser.close()
        except MultipartError as error:
            raise BrokenOff("the form ended before its final boundary") from error


def _checked_head(part: MultipartSegment) -> int:
    """Return about how many bytes the head of a part has; raise `BadInput` for a bad one."""
    size, sent = 0, []
    for name, value in part.headerlist:
        size += len(name) + len(value.encode()) + len(": \r\n")
        if name == "Content-Disposition":
            sent.append(value)
    if size > _MAX_PART_HEADER:
        raise BadInput("the head of a part of the form is too long")
    # RFC 7578 4.2 forbids `filename*`, and with two names nobody knows which counts.
    if len(sent) > 1 or not (_USUAL.fullmatch(sent[0]) or _has_one_name(sent[0])):
        raise BadInput("a part of the form has two names")
    return size


def _has_one_name(disposition: str) -> bool:
    options = _OPTION.findall(_QUOTED.sub('""', disposition.lower()))
    return len(options) == len(set(options)) and "filename*" not in options


def _has_empty_name(part: MultipartSegment) -> bool:
    """Whether the name was sent empty; the parser also empties one that ends in a backslash."""
    sent = dict(part.headerlist)["Content-Disposition"]
    sent = _QUOTED.sub(lambda quoted: '""' if quoted[0] == '""' else "quoted", sent)
    return _EMPTY_NAME.search(sent) is not None


def _boundary(request: Request) -> str:
    kind, options = parse_options_header(request.environ.get("CONTENT_TYPE", ""))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise BadInput("expected a form of type multipart/form-data with a boundary")
    boundary: str = options["boundary"]
    # RFC 2046 5.1.1 allows 70 characters; some clients send a few more.
    if not boundary.isascii() or len(boundary) > 200:
        raise BadInput("the boundary of the form is malformed")
    return boundary


def _too_large(limit: int) -> str:
    return f"the file is larger than {limit} bytes"
