"""What the worker does when the system gives it less than it asks for."""

import threading
from datetime import timedelta

import pytest

from uploadsvc.gunicorn_threads import Threads
from uploadsvc.gunicorn_worker import worker
from uploadsvc.places import Places


def refuse(self):
    raise RuntimeError("can't start new thread")


def test_with_no_more_threads_to_be_had_those_that_are_there_do_the_work(monkeypatch):
    with Threads(max_workers=10) as threads:
        go_on = threading.Event()
        first = threads.submit(go_on.wait, 60)
        monkeypatch.setattr(threading.Thread, "start", refuse)
        others = [threads.submit(lambda: "done") for _ in range(5)]
        go_on.set()

        assert first.result(timeout=60)
        assert [other.result(timeout=60) for other in others] == ["done"] * 5


def test_threads_are_short_while_work_waits_for_one():
    with Threads(max_workers=1) as threads:
        begun, go_on = threading.Event(), threading.Event()

        def work():
            begun.set()
            go_on.wait(60)

        threads.submit(work)
        begun.wait(60)
        busy = threads.is_short()
        second = threads.submit(lambda: "done")
        waiting = threads.is_short()
        go_on.set()
        second.result(timeout=60)

        assert (busy, waiting, threads.is_short()) == (False, True, False)


def test_with_no_thread_at_all_it_is_an_error(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", refuse)
    threads = Threads(max_workers=10)

    with pytest.raises(RuntimeError):
        threads.submit(lambda: None)


def test_a_worker_is_made_for_the_settings():
    readers = Places(1, refusal="too many")
    made = worker(stall_timeout=timedelta(seconds=5), readers=readers)

    assert (made.stall_seconds, made.readers) == (5, readers)
