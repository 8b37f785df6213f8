"""The sum in a small file: shared, changed under a lock, unknown when it is lost."""

import threading

import pytest

from uploadsvc.storage.ledger import Ledger


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "sum")


def add(ledger, change):
    with ledger.locked() as entry:
        entry.write((entry.read() or 0) + change)


def test_what_is_written_is_read_by_all(ledger, tmp_path):
    add(ledger, 5)
    add(Ledger(tmp_path / "sum"), 7)

    assert ledger.read() == 12


def test_a_smaller_sum_leaves_nothing_of_a_larger_one(ledger):
    add(ledger, 10**18)
    add(ledger, 7 - 10**18)

    assert ledger.read() == 7


def test_many_at_once_lose_nothing(ledger, many):
    count = many(50, 500)
    threads = [
        threading.Thread(target=lambda: [add(ledger, 1) for _ in range(count)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ledger.read() == 4 * count


@pytest.mark.parametrize("torn", [b"", b"\0" * 32, b"12x", b"-5", b"1 2"])
def test_what_is_lost_or_torn_is_unknown_and_no_number(ledger, tmp_path, torn):
    before = ledger.read()
    (tmp_path / "sum").write_bytes(torn)

    assert before is None
    assert ledger.read() is None


def test_what_is_forgotten_is_unknown(ledger):
    add(ledger, 5)
    ledger.forget()
    ledger.forget()

    assert ledger.read() is None
