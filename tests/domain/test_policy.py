"""Rules: the predicate and the filter of one rule choose the same documents."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.domain.actor import Actor
from mediaserver.domain.policy import Filter, Rule, admin, any_of, anyone, nobody, owner

RULES = st.recursive(
    st.sampled_from([anyone, nobody, admin, owner("user_id"), owner("id")]),
    lambda rules: st.lists(rules, min_size=1, max_size=3).map(lambda some: any_of(*some)),
    max_leaves=5,
)
IDS = st.sampled_from(["a", "b", "c"])


class Thing:
    def __init__(self, id: str, user_id: str) -> None:
        self.id, self.user_id = id, user_id


def matches(query: Filter | None, stored: dict[str, Any]) -> bool:
    """MongoDB's meaning of what rules make: equality and `$or`."""
    if query is None:
        return False
    return all(
        any(matches(one, stored) for one in value) if name == "$or" else stored[name] == value
        for name, value in query.items()
    )


@given(rule=RULES, who=IDS, role=st.sampled_from(["student", "admin"]), id=IDS, user_id=IDS)
def test_a_list_shows_exactly_what_a_get_allows(rule: Rule, who: str, role: Any, id: str, user_id: str) -> None:
    actor = Actor(who, "name", role, "login")
    stored = {"_id": id, "userId": user_id}
    assert rule.allows(actor, Thing(id, user_id)) == matches(rule.filter(actor), stored)
