"""
The specification of tus 1.0.0, sentence by sentence, against the rules.

Each row has the section, what it says, and the same in code.
"""

import base64
import hashlib

import pytest

from uploadsvc.errors import BadInput, NotAllowed, TooLarge
from uploadsvc.tus.checksum import ChecksumMismatch
from uploadsvc.tus.protocol import (
    BYTES,
    OffsetMismatch,
    UnsupportedVersion,
    Upload,
    WrongType,
    announcement,
    check_append,
    check_version,
    description,
    first_append,
    has_bytes,
    method_of,
    read_creation,
)

LIMIT = 1000


def create(**headers):
    return read_creation(named(headers), max_size=LIMIT)


def append(upload, *, incoming=None, **headers):
    sent = {"Content-Type": BYTES, "Upload-Offset": str(upload.offset)} | named(headers)
    return check_append(upload, sent, incoming=incoming, max_size=LIMIT)


def named(headers):
    """`upload_length` is written `Upload-Length` in a request."""
    return {
        "-".join(word.capitalize() for word in name.split("_")): value
        for name, value in headers.items()
        if value is not None
    }


def refuses(error, do, *arguments, **options):
    with pytest.raises(error) as raised:
        do(*arguments, **options)
    # A refinement of another family would get another status.
    return type(raised.value) is error


def begun(offset=70, length=100, **more):
    return Upload(offset, length, **more)


def metadata(sent):
    return create(upload_length="1", upload_metadata=sent).metadata


SENTENCES = [
    (
        "Core: Upload-Offset",
        "the offset is an integer that is not negative",
        lambda: all(
            refuses(BadInput, append, begun(), upload_offset=sent)
            for sent in ("-1", "+70", "70.0", "7_0", " 70", "", "seventy", "٧٠")
        ),
    ),
    (
        "Core: Upload-Offset",
        "a PATCH without one cannot be understood",
        lambda: refuses(
            BadInput, check_append, begun(), {"Content-Type": BYTES}, incoming=1, max_size=LIMIT
        ),
    ),
    (
        "Core: Upload-Length",
        "the length is an integer that is not negative",
        lambda: all(
            refuses(BadInput, create, upload_length=sent)
            for sent in ("-1", "+1", "1e3", "", "1 ", "0x10", "１")
        ),
    ),
    ("Core: Upload-Length", "a file may be empty", lambda: create(upload_length="0").length == 0),
    (
        "Core: Tus-Version",
        "the versions that the server speaks are told, the best first",
        lambda: announcement(max_size=LIMIT)["Tus-Version"] == "1.0.0",
    ),
    (
        "Core: Tus-Resumable",
        "a request of our version is processed",
        lambda: check_version({"Tus-Resumable": "1.0.0"}) is None,
    ),
    (
        "Core: Tus-Resumable",
        "a request of another version, or of none, is not",
        lambda: all(
            refuses(UnsupportedVersion, check_version, headers)
            for headers in ({}, {"Tus-Resumable": "0.2.2"}, {"Tus-Resumable": "1.0.0, 0.2.2"})
        ),
    ),
    (
        "Core: Tus-Extension",
        "the extensions are told, with commas between",
        lambda: (
            set(announcement(max_size=LIMIT)["Tus-Extension"].split(","))
            == {
                "creation",
                "creation-with-upload",
                "creation-defer-length",
                "expiration",
                "checksum",
                "concatenation",
                "termination",
            }
        ),
    ),
    (
        "Core: Tus-Max-Size",
        "the largest size is told",
        lambda: announcement(max_size=LIMIT)["Tus-Max-Size"] == "1000",
    ),
    (
        "Core: X-HTTP-Method-Override",
        "its method counts, and not that of the request",
        lambda: method_of("POST", {"X-HTTP-Method-Override": "PATCH"}) == "PATCH",
    ),
    (
        "Core: X-HTTP-Method-Override",
        "without it that of the request counts",
        lambda: method_of("POST", {}) == "POST",
    ),
    (
        "Core: HEAD",
        "the offset is told even when it is 0",
        lambda: description(begun(0))["Upload-Offset"] == "0",
    ),
    (
        "Core: HEAD",
        "the offset is told when the upload is complete too",
        lambda: description(begun(100))["Upload-Offset"] == "100",
    ),
    (
        "Core: HEAD",
        "a length that is known is told",
        lambda: description(begun())["Upload-Length"] == "100",
    ),
    (
        "Core: PATCH",
        "bytes are taken at the offset where the upload is",
        lambda: append(begun(), incoming=30).at_most == 30,
    ),
    (
        "Core: PATCH",
        "a body of another type is refused",
        lambda: all(
            refuses(WrongType, append, begun(), content_type=kind)
            for kind in ("application/octet-stream", "", "text/plain")
        ),
    ),
    (
        "Core: PATCH",
        "an offset other than the upload's is a conflict, which tells the right one",
        lambda: all(
            refuses(OffsetMismatch, append, begun(), upload_offset=sent)
            for sent in ("0", "69", "71")
        ),
    ),
    (
        "Core: PATCH",
        "more than the length cannot be added",
        lambda: refuses(TooLarge, append, begun(), incoming=31),
    ),
    (
        "Core: PATCH",
        "several small ones are as good as a large one",
        lambda: [append(begun(at), incoming=1).at_most for at in (0, 50, 99)] == [100, 50, 1],
    ),
    (
        "Creation: Upload-Defer-Length",
        "a length may be said later",
        lambda: create(upload_defer_length="1").length is None,
    ),
    (
        "Creation: Upload-Defer-Length",
        "any other value than 1 is refused",
        lambda: all(
            refuses(BadInput, create, upload_defer_length=sent) for sent in ("0", "true", "", "2")
        ),
    ),
    (
        "Creation: Upload-Defer-Length",
        "while the length is not known, HEAD says so and no length",
        lambda: (
            description(begun(length=None)) == {"Upload-Offset": "70", "Upload-Defer-Length": "1"}
        ),
    ),
    (
        "Creation: Upload-Defer-Length",
        "once the length is known it is not deferred any more",
        lambda: "Upload-Defer-Length" not in description(begun()),
    ),
    (
        "Creation: POST",
        "either a length or its deferral is said",
        lambda: (
            refuses(BadInput, create)
            and refuses(BadInput, create, upload_length="1", upload_defer_length="1")
        ),
    ),
    (
        "Creation: POST",
        "a PATCH says the length that was deferred",
        lambda: append(begun(length=None), upload_length="80").length == 80,
    ),
    (
        "Creation: POST",
        "before it does, the largest size is the limit",
        lambda: (
            append(begun(length=None)).at_most == LIMIT - 70
            and refuses(TooLarge, append, begun(length=None), incoming=LIMIT - 69)
        ),
    ),
    (
        "Creation: POST",
        "a length that was said is not changed",
        lambda: (
            refuses(BadInput, append, begun(), upload_length="101")
            and append(begun(), upload_length="100").length == 100
        ),
    ),
    (
        "Creation: POST",
        "it cannot be less than what has come",
        lambda: refuses(BadInput, append, begun(length=None), upload_length="69"),
    ),
    (
        "Creation: POST",
        "a length over the limit is too large, however it is said",
        lambda: (
            refuses(TooLarge, create, upload_length=str(LIMIT + 1))
            and refuses(TooLarge, create, upload_length="9" * 5000)
            and refuses(TooLarge, append, begun(length=None), upload_length=str(LIMIT + 1))
            and create(upload_length=str(LIMIT)).length == LIMIT
        ),
    ),
    (
        "Creation: POST",
        "HEAD gives the metadata back as they were sent",
        lambda: (
            description(begun(metadata=metadata("filename YQ==,is_confidential")))[
                "Upload-Metadata"
            ]
            == "filename YQ==,is_confidential"
        ),
    ),
    (
        "Creation: Upload-Metadata",
        "keys and values are pairs, the values in base64",
        lambda: metadata("filename d29ybGQucGRm,type dGV4dA==").text("filename") == "world.pdf",
    ),
    (
        "Creation: Upload-Metadata",
        "a value may be empty, with its space or without",
        lambda: metadata("a,b ,c YQ==").pairs == (("a", b""), ("b", b""), ("c", b"a")),
    ),
    (
        "Creation: Upload-Metadata",
        "a key is not empty and holds no space, no comma and nothing outside of ASCII",
        lambda: all(
            refuses(BadInput, metadata, sent)
            for sent in ("a,,b", "a YQ==,", ",a", "ä YQ==", "a b c")
        ),
    ),
    (
        "Creation: Upload-Metadata",
        "keys are unique",
        lambda: refuses(BadInput, metadata, "a YQ==,a Yg=="),
    ),
    (
        "Creation: Upload-Metadata",
        "a value that is not base64 is refused, and nothing in one ends a header",
        lambda: all(
            refuses(BadInput, metadata, sent)
            for sent in ("a ???", "a YQ", "a YQ==\r\nX: y", "a\r\nX: y", "a ä", "a Y Q==")
        ),
    ),
    (
        "Creation With Upload",
        "a POST may bring bytes of the right type along",
        lambda: (
            has_bytes({"Content-Type": BYTES}, incoming=5)
            and has_bytes({"Content-Type": BYTES}, incoming=None)
        ),
    ),
    (
        "Creation With Upload",
        "it need not",
        lambda: (
            not has_bytes({}, incoming=0) and not has_bytes({"Content-Type": BYTES}, incoming=0)
        ),
    ),
    (
        "Creation With Upload",
        "bytes of another type are refused",
        lambda: refuses(WrongType, has_bytes, {"Content-Type": "text/plain"}, incoming=5),
    ),
    (
        "Creation With Upload",
        "the rules of PATCH hold for them",
        lambda: (
            refuses(TooLarge, first_append, begun(0), {}, incoming=101, max_size=LIMIT)
            and first_append(begun(0), {}, incoming=100, max_size=LIMIT).at_most == 100
        ),
    ),
    (
        "Checksum",
        "SHA-1 is among the algorithms that are told, in small letters",
        lambda: announcement(max_size=LIMIT)["Tus-Checksum-Algorithm"] == "sha1,sha256,md5",
    ),
    (
        "Checksum",
        "a checksum is the name of its algorithm and base64",
        lambda: checks("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello world"),
    ),
    (
        "Checksum",
        "bytes with another one are a mismatch",
        lambda: refuses(
            ChecksumMismatch, checks, "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"Hello world"
        ),
    ),
    (
        "Checksum",
        "an algorithm that is not told is refused",
        lambda: all(
            refuses(BadInput, append, begun(), upload_checksum=sent)
            for sent in ("crc32 AAAAAA==", "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha512 YQ==", "")
        ),
    ),
    (
        "Checksum",
        "what is not base64, or not as long as its algorithm gives, is refused",
        lambda: all(
            refuses(BadInput, append, begun(), upload_checksum=sent)
            for sent in ("sha1", "sha1 !", "sha1 YQ==", "md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")
        ),
    ),
    (
        "Concatenation",
        "a partial upload is created like any other",
        lambda: create(upload_concat="partial", upload_length="5").is_partial,
    ),
    (
        "Concatenation",
        "a final one names its parts, in their order",
        lambda: (
            create(upload_concat="final;/files/a https://host/files/b").parts
            == ("/files/a", "https://host/files/b")
        ),
    ),
    (
        "Concatenation",
        "anything else, and a final one without parts, is refused",
        lambda: all(
            refuses(BadInput, create, upload_concat=sent, upload_length=length)
            for sent, length in (
                ("final;", None),
                ("final", None),
                ("final; ", None),
                ("partial;/files/a", "5"),
                ("whole", "5"),
                ("final;/files/ä", None),
            )
        ),
    ),
    (
        "Concatenation",
        "a final upload takes no bytes",
        lambda: refuses(NotAllowed, append, begun(100, parts=("/files/a",)), incoming=1),
    ),
    (
        "Concatenation",
        "HEAD tells of which kind an upload is",
        lambda: (
            description(begun(is_partial=True))["Upload-Concat"] == "partial"
            and description(begun(100, parts=("/a", "/b")))["Upload-Concat"] == "final;/a /b"
            and "Upload-Concat" not in description(begun())
        ),
    ),
    (
        "Concatenation",
        "of a final one it tells offset and length, and both are the same",
        lambda: (
            description(begun(100, parts=("/a",)))["Upload-Offset"]
            == description(begun(100, parts=("/a",)))["Upload-Length"]
        ),
    ),
]


def checks(sent, data):
    checksum = append(begun(), upload_checksum=sent).checksum
    fed = checksum.begin()
    fed.update(data)
    checksum.check(fed)
    return True


@pytest.mark.parametrize(
    "holds", [row[2] for row in SENTENCES], ids=[f"{row[0]}: {row[1]}" for row in SENTENCES]
)
def test_sentence(holds):
    assert holds()


def test_an_offset_that_is_wrong_tells_the_right_one():
    with pytest.raises(OffsetMismatch) as raised:
        append(begun(), upload_offset="0")

    assert raised.value.offset == 70


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_each_algorithm_that_is_told_is_known(algorithm):
    digest = hashlib.new(algorithm, b"piece").digest()

    assert checks(f"{algorithm} {base64.b64encode(digest).decode()}", b"piece")


def test_metadata_that_are_not_text_are_refused_where_text_is_wanted():
    odd = metadata(f"filename {base64.b64encode(bytes([0xFF, 0xFE])).decode()}")

    with pytest.raises(BadInput):
        odd.text("filename")
    assert odd.text("other") is None
