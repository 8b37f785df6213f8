"""Places: so many at once, and one more is refused, not kept waiting."""

import pytest

from uploadsvc.errors import Unavailable
from uploadsvc.places import Places


def test_one_more_than_there_are_places_is_refused_with_their_sentence():
    places = Places(2, refusal="too many are at it")
    with places.one(), places.one(), pytest.raises(Unavailable) as refused, places.one():
        pass

    assert str(refused.value) == "too many are at it"
    assert refused.value.retry_after > 0


def test_a_place_is_free_again_after_the_work_also_when_it_failed():
    places = Places(1, refusal="too many")
    with pytest.raises(ZeroDivisionError), places.one():
        raise ZeroDivisionError
    leave = places.take()
    with pytest.raises(Unavailable):
        places.take()
    leave()

    with places.one():
        pass
