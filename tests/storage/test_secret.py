"""The service's own secret: made once, kept, and never replaced."""

import os
import stat
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from uploadsvc.errors import BadSettings
from uploadsvc.signing import check_key
from uploadsvc.storage import partials
from uploadsvc.storage.locks import exclusive
from uploadsvc.storage.secret import make_secret, new_secret, read_secret


@pytest.fixture
def path(data):
    return data.secret


def make(path):
    make_secret(path, locks=path.parent / "State")
    return read_secret(path)


def test_it_is_made_once_and_stays(path):
    first = make(path)

    assert make(path) == first == read_secret(path)
    check_key(first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_two_installations_have_the_same():
    assert len({new_secret() for _ in range(1000)}) == 1000


def test_it_is_made_whole_and_nothing_is_left_beside_it(path):
    make(path)

    assert [name for name in os.listdir(path.parent) if name.startswith(partials.PREFIX)] == []
    assert list((path.parent / "State").iterdir()) == []


def test_there_is_none_where_nothing_was_made(path):
    assert read_secret(path) is None


def test_of_many_that_start_at_once_all_have_the_same(path, many):
    """Processes of one host, or of several that share the folder."""
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool:
        for _ in range(many(3, 20)):
            path.unlink(missing_ok=True)
            found = set(pool.map(make, [path] * 32))

            assert found == {read_secret(path)}


def test_whoever_waited_for_another_finds_what_that_one_made(path):
    theirs = new_secret()
    with ThreadPoolExecutor() as pool:
        with exclusive(path.parent / "State", path.name, patience=1):
            waiting = pool.submit(make, path)
            partials.publish(path.parent, path.name, theirs.encode(), mode=0o600)

        assert waiting.result() == theirs


def test_of_two_that_only_look_before_they_write_each_has_another(path):
    """The negative control of the two tests above."""

    def careless():
        is_there = path.exists()
        yield
        if not is_there:
            partials.publish(path.parent, path.name, new_secret().encode(), mode=0o600)
        yield read_secret(path)

    one, other = careless(), careless()
    next(one), next(other)

    assert next(one) != next(other)


@pytest.mark.parametrize("content", [b"", b"\n", b"   \n"])
def test_an_empty_file_stops_the_start_and_stays(path, content):
    path.write_bytes(content)

    with pytest.raises(BadSettings, match=f"^{path}: it is empty"):
        make(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"\xff" * 40, "é".encode() * 40])
def test_what_is_no_text_stops_the_start_and_stays(path, content):
    path.write_bytes(content)

    with pytest.raises(BadSettings, match=f"^{path}: it holds something else"):
        make(path)
    assert path.read_bytes() == content


def test_a_folder_in_its_place_stops_the_start(path):
    path.mkdir()

    with pytest.raises(BadSettings, match=f"^{path}: Is a directory"):
        make(path)


def test_a_link_that_leads_nowhere_stops_the_start_and_stays(path, tmp_path):
    path.symlink_to(tmp_path / "not-mounted" / "secret")

    with pytest.raises(BadSettings, match=f"^{path}: No such file"):
        make(path)
    assert path.is_symlink()


def test_a_link_to_a_secret_is_followed(path, tmp_path):
    (tmp_path / "elsewhere").write_text(f"{new_secret()}\n")
    path.symlink_to(tmp_path / "elsewhere")

    assert make(path) == (tmp_path / "elsewhere").read_text().strip()


def test_where_it_cannot_be_made_the_start_names_it(path):
    path.parent.joinpath("State").rmdir()

    with pytest.raises(BadSettings, match=f"^{path}: it cannot be made"):
        make(path)
