"""
What files are called: names made safe on the way in, names checked on the way out.

A name is made safe once, when the file is stored, and never decoded again. The stored
name is what the link shows and what the download is called. The rule: what follows the
last slash or backslash, in NFC, control, bidi and zero-width characters replaced, names
that Windows reserves marked, at most 200 bytes of UTF-8 with the extension kept.
"""

import re
import secrets
import string
import unicodedata

from uploadsvc.errors import BadInput

MAX_NAME_BYTES = 200
_MAX_EXTENSION_BYTES = 32
_FOLDER_LENGTH = 8
_FOLDER = re.compile(r"[A-Za-z0-9]{1,64}")
_ALPHABET = string.ascii_letters + string.digits

# Control, format (bidi and zero-width among them), surrogates, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Zero-width or blank, though Unicode files them under letters and marks.
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: reserved with any extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)", re.I)


class BadName(BadInput):
    code = "bad-name"


def safe_name(sent: str, extension: str | None = None) -> str:
    """
    Return the name that a file sent as `sent` is stored under.

    `extension`, without its dot, is given to a name that has no dot. Never fails: a name
    of which nothing is left becomes "file".
    """
    name = sent.replace("\\", "/").rpartition("/")[2]
    if not (name.isascii() and name.isprintable()):
        name = unicodedata.normalize("NFC", name)
        name = "".join("_" if _is_unseen(character) else character for character in name)
    if not name.strip(". "):
        name = "file"
    if extension and "." not in name:
        name = f"{name}.{extension}"
    if _RESERVED.match(name):
        name = f"_{name}"
    return _cut(name)


def new_folder() -> str:
    """Return a new folder name: 8 letters and digits, 47 bits that nobody can guess."""
    # Drawn at once: the system is asked for randomness once or twice, not for each character.
    number = secrets.randbelow(len(_ALPHABET) ** _FOLDER_LENGTH)
    name = ""
    for _ in range(_FOLDER_LENGTH):
        number, position = divmod(number, len(_ALPHABET))
        name += _ALPHABET[position]
    return name


def check_folder(folder: str) -> None:
    """Raise `BadName` unless this can be a folder of ours, or of an older installation."""
    if not _FOLDER.fullmatch(folder):
        raise BadName("there is no such folder")


def check_name(name: str) -> None:
    """
    Raise `BadName` unless this can be the name of a file in a folder.

    Wider than what `safe_name` gives: files of an older installation keep their names.
    """
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise BadName("there is no such file")
    if len(name.encode("utf-8", "surrogateescape")) > 255:
        raise BadName("there is no such file")


def _is_unseen(character: str) -> bool:
    return character in _FILLERS or unicodedata.category(character) in _UNSEEN


def _cut(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = f"{dot}{extension}".encode()
    if not stem or len(ending) > _MAX_EXTENSION_BYTES:
        stem, ending = name, b""
    kept = stem.encode()[: MAX_NAME_BYTES - len(ending)]
    # A character cut in half is dropped whole.
    return kept.decode(errors="ignore") + ending.decode()
