"""Many at once: requests for the same upload, in two processes' worth of state, and cleaners."""

import random
import threading
from datetime import UTC, datetime, timedelta

from unfinished import add, creation
from uploadsvc import cleaner
from uploadsvc.errors import Conflict, UploadsvcError
from uploadsvc.tus.holding import Locked
from uploadsvc.tus.protocol import Append

HOUR = timedelta(hours=1)


def in_threads(*works):
    """Run the works at once; raise what the first of them raised."""
    failed = []

    def run(work):
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def read(storage, key):
    _, file = storage.open(key)
    with file:
        return file.read()


def test_whoever_sends_at_once_for_the_same_upload_the_file_is_whole(make, many, figure):
    rounds = many(20, 500)
    data = bytes(random.Random(5).randbytes(20_000))
    whole = 0
    for _ in range(rounds):
        processes = [make(patience=20), make(patience=20)]
        id = processes[0].create(creation(len(data))).id

        def send(uploads, seed, id=id):
            chance = random.Random(seed)
            while True:
                asked = threading.Event()
                with uploads.held(id, let_go=asked.set) as upload:
                    at = upload.upload.offset
                    if at == len(data):
                        return
                    pieces = pieces_until(data[at:], asked, chance)
                    try:
                        upload.append(pieces, Append(len(data) - at, len(data), None))
                    except Conflict:
                        continue

        in_threads(*(lambda u=u, s=s: send(u, s) for s, u in enumerate(processes * 2)))
        standing = processes[0].find(id)
        whole += read(processes[0]._storing.storage, standing.key) == data

    assert whole == rounds
    figure(
        "uploads that four requests sent at once, over two processes",
        "every file equal to its source",
        f"{whole} of {rounds}",
    )


def pieces_until(data, asked, chance):
    while data:
        if asked.is_set():
            raise Conflict("taken over")
        size = chance.randint(1, 3000)
        piece, data = data[:size], data[size:]
        yield piece


def test_no_upload_is_lost_to_a_cleaner_that_never_rests(make, data, many):
    rounds = many(60, 3000)
    done = threading.Event()
    keys = []

    def clean():
        while not done.is_set():
            try:
                list(cleaner.clean(data, keep=HOUR, keep_partial=HOUR, now=datetime.now(UTC)))
            except cleaner.ClockJumped:
                continue

    def send():
        uploads = make(patience=20)
        try:
            for n in range(rounds):
                id = uploads.create(creation(6)).id
                add(uploads, id, b"abc")
                keys.append((add(uploads, id, b"%03d" % (n % 1000)).key, n))
        finally:
            done.set()

    in_threads(clean, send)
    storage = make()._storing.storage

    assert [read(storage, key) for key, _ in keys] == [b"abc%03d" % (n % 1000) for _, n in keys]
    assert len(keys) == rounds


def test_an_upload_that_is_removed_while_bytes_come_leaves_nothing(make, data):
    uploads = make(patience=20)
    id = uploads.create(creation(100_000)).id
    started, told = threading.Event(), threading.Event()

    def pieces():
        yield b"x" * 1000
        started.set()
        told.wait(20)
        raise Conflict("taken over")

    def send():
        try:
            with uploads.held(id, let_go=told.set) as upload:
                upload.append(pieces(), Append(100_000, 100_000, None))
        except UploadsvcError:
            pass

    def remove():
        started.wait(20)
        with uploads.held(id) as upload:
            upload.remove()

    in_threads(send, remove)

    assert list(data.uploads.iterdir()) == []


def test_of_many_who_wait_for_a_holder_that_stays_all_are_refused_in_time(make):
    uploads = make(patience=0.3)
    id = uploads.create(creation()).id
    refused = []

    def ask():
        try:
            with uploads.held(id):
                pass
        except Locked as error:
            refused.append(error)

    with uploads.held(id, let_go=lambda: None):
        in_threads(*[ask] * 8)

    assert len(refused) == 8
