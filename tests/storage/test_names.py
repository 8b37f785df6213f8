"""Names: made safe on the way in, checked on the way out."""

import json
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploadsvc.storage.names import BadName, check_folder, check_name, new_folder, safe_name


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("photo.jpg", "photo.jpg"),
        ("my photo é+&.png", "my photo é+&.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\pic.jpg", "pic.jpg"),
        ("/etc/passwd", "passwd"),
        ("a/b\\c", "c"),
        ("e\u0301.png", "é.png"),
        ("a\x00b\nc\x7f.txt", "a_b_c_.txt"),
        ("gpj\u202eexe.txt", "gpj_exe.txt"),
        ("a\u200bb\ufeff.txt", "a_b_.txt"),
        ("line\u2028end.txt", "line_end.txt"),
        ("\ud800.txt", "_.txt"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("...", "file"),
        (" . ", "file"),
        ("folder/", "file"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("LPT¹", "_LPT¹"),
        ("AUX .txt", "_AUX .txt"),
        ("console.txt", "console.txt"),
        (".bashrc", ".bashrc"),
        ("a.", "a."),
        ("%2e%2e%2f", "%2e%2e%2f"),
    ],
)
def test_a_name_is_made_safe(sent, stored):
    assert safe_name(sent) == stored


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("photo", "photo.jpeg"),
        ("", "file.jpeg"),
        (".bashrc", ".bashrc"),
        ("a.", "a."),
        ("photo.txt", "photo.txt"),
    ],
)
def test_a_name_without_a_dot_gets_the_extension_of_the_picture(sent, stored):
    assert safe_name(sent, "jpeg") == stored


@pytest.mark.parametrize("length", [199, 200, 201, 255, 65536])
def test_a_long_name_is_cut_to_200_bytes_and_keeps_its_extension(length):
    stored = safe_name("x" * (length - 4) + ".jpg")

    assert len(stored) == min(length, 200)
    assert stored.endswith(".jpg")


@pytest.mark.parametrize("character", ["é", "字", "😀"])
def test_a_long_name_is_cut_between_characters(character):
    stored = safe_name(character * 200 + ".png")

    assert 196 < len(stored.encode()) <= 200
    assert set(stored.removesuffix(".png")) == {character}


def test_an_extension_that_is_too_long_is_cut_like_any_name():
    assert safe_name("a." + "x" * 300) == "a." + "x" * 198


@given(st.text())
def test_any_text_becomes_a_name_that_can_be_stored_and_stays_as_it_is(sent):
    stored = safe_name(sent)

    check_name(stored)
    assert len(stored.encode()) <= 200
    assert safe_name(stored) == stored
    assert unicodedata.is_normalized("NFC", stored)


def test_the_odd_names_of_the_corpus_can_all_be_stored(corpus, tmp_path):
    for entry in json.loads((corpus("names") / "filenames.json").read_text()):
        stored = safe_name(entry["name"])
        (tmp_path / stored).write_bytes(b"x")

        assert (tmp_path / stored).resolve().parent == tmp_path


@pytest.mark.parametrize(
    "folder", ["", ".", "..", "a/b", "AAAA.AAA", "AAAAAAA\n", "é" * 8, "a" * 65]
)
def test_a_folder_is_letters_and_digits(folder):
    with pytest.raises(BadName):
        check_folder(folder)


def test_a_new_folder_is_eight_letters_and_digits_that_nobody_can_guess(many):
    count = many(10_000, 1_000_000)
    folders = {new_folder() for _ in range(count)}

    assert len(folders) == count
    assert {len(folder) for folder in folders} == {8}
    assert set("".join(folders)) == set(string.ascii_letters + string.digits)
