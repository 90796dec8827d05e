import pytest

from mediaserver.base.errors import TooMany, Unavailable
from mediaserver.base.limits.fair_places import FairPlaces, PlaceLimits, Transfer


def taken(places: FairPlaces, *holders: tuple[str, str, int]) -> dict[str, list[Transfer]]:
    """Fill places: (user, address, how many)."""
    made: dict[str, list[Transfer]] = {}
    for user, address, count in holders:
        for number in range(count):
            transfer = Transfer(user, address, transferred=100 * (number + 1))
            assert places.admit(transfer) is None
            made.setdefault(user, []).append(transfer)
    return made


def test_one_user_has_a_bounded_number() -> None:
    places = FairPlaces(PlaceLimits(total=8, per_user=2, per_network=8), "uploads")
    taken(places, ("ann", "A", 2))
    with pytest.raises(TooMany) as refused:
        places.admit(Transfer("ann", "B"))
    assert refused.value.code == "too_many_uploads"
    assert len(places) == 2


def test_a_newcomer_displaces_one_of_the_address_that_holds_most() -> None:
    places = FairPlaces(PlaceLimits(total=6, per_user=4, per_network=6), "uploads")
    made = taken(places, ("ann", "A", 2), ("eve", "E", 1), ("eva", "E", 3))
    newcomer = Transfer("bob", "B")
    displaced = places.admit(newcomer)
    # Of that address, from the user with most, the upload that has come least far.
    assert displaced is made["eva"][0]
    assert displaced.displaced and not newcomer.displaced
    assert len(places) == 6


def test_at_a_full_address_a_newcomer_displaces_one_of_the_user_who_holds_most_there() -> None:
    places = FairPlaces(PlaceLimits(total=64, per_user=4, per_network=8), "uploads")
    made = taken(places, ("eve", "E", 4), ("eva", "E", 4), ("ann", "A", 4))
    assert places.admit(Transfer("bob", "E")) in made["eve"] + made["eva"]


def test_eight_accounts_with_four_uploads_each_do_not_keep_a_ninth_out_of_the_same_address() -> None:
    places = FairPlaces(PlaceLimits(total=32, per_user=4, per_network=32), "uploads")
    taken(places, *[(f"eve{number}", "E", 4) for number in range(8)])
    assert places.admit(Transfer("bob", "E")) is not None


def test_a_displaced_holder_cannot_take_the_place_back() -> None:
    places = FairPlaces(PlaceLimits(total=4, per_user=4, per_network=4), "uploads")
    taken(places, ("eve", "E", 4))
    for user in ("ann", "bob"):
        assert places.admit(Transfer(user, user)) is not None
    with pytest.raises(Unavailable) as refused:
        places.admit(Transfer("eve", "E"))
    assert refused.value.code == "busy"


def test_equal_holders_are_not_displaced() -> None:
    places = FairPlaces(PlaceLimits(total=3, per_user=4, per_network=3), "uploads")
    taken(places, ("ann", "A", 1), ("bob", "B", 1), ("cid", "C", 1))
    with pytest.raises(Unavailable):
        places.admit(Transfer("dan", "D"))
    assert len(places) == 3


def test_the_busiest_users_yield_though_their_addresses_hold_no_more_than_the_newcomers() -> None:
    places = FairPlaces(PlaceLimits(total=8, per_user=4, per_network=8), "uploads")
    made = taken(places, ("eve", "E", 4), ("ann", "A", 1), ("bob", "A", 1), ("cid", "A", 1), ("dan", "A", 1))
    assert places.admit(Transfer("new", "A")) in made["eve"]


def test_a_place_that_was_left_is_free() -> None:
    places = FairPlaces(PlaceLimits(total=1, per_user=1, per_network=1), "uploads")
    first = Transfer("ann", "A")
    places.admit(first)
    places.leave(first)
    places.leave(first)
    assert places.admit(Transfer("bob", "B")) is None
