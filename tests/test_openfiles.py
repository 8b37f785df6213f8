"""The limit of open files: raised as far as it may be, and told where that is too little."""

import resource

import pytest

from uploadsvc.openfiles import TooFewOpenFiles, allow_open_files, connections


@pytest.fixture
def soft_limit():
    """`soft_limit()` is the limit in force; it is low at first, and restored."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    yield lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


def test_each_thread_has_its_client_another_one_that_waits_and_three_files(soft_limit):
    assert allow_open_files(100) == soft_limit() >= connections(100) + 300


def test_a_limit_that_is_high_enough_stays(soft_limit):
    allowed = allow_open_files(100)
    allow_open_files(8)

    assert soft_limit() == allowed


def test_where_it_may_not_be_raised_so_far_the_reason_is_told(soft_limit):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with pytest.raises(TooFewOpenFiles, match=f"only {hard} files may be open at once"):
        allow_open_files(hard)

    assert soft_limit() == hard, "what is allowed is made use of"
