"""Rules: the predicate and the filter of one rule choose the same documents."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mediaserver.domain.documents.actor import Viewer
from mediaserver.domain.documents.policy import (
    Filter,
    Rule,
    admin,
    all_of,
    any_of,
    anyone,
    enrolled,
    instructor,
    nobody,
    not_blocked,
    of_published,
    owner,
)

COURSES = [enrolled("user_id"), instructor("id"), of_published("user_id")]
BLOCKS = [not_blocked("user_id"), not_blocked("id")]
RULES = st.recursive(
    st.sampled_from([anyone, nobody, admin, owner("user_id"), owner("id"), *COURSES, *BLOCKS]),
    lambda rules: st.tuples(st.sampled_from([any_of, all_of]), st.lists(rules, min_size=1, max_size=3)).map(
        lambda made: made[0](*made[1])
    ),
    max_leaves=5,
)
IDS = st.sampled_from(["a", "b", "c"])
SETS = st.frozensets(IDS)


class Thing:
    def __init__(self, id: str, user_id: str) -> None:
        self.id, self.user_id = id, user_id


def matches(query: Filter | None, stored: dict[str, Any]) -> bool:
    """MongoDB's meaning of what rules make: equality, `$in`, `$nin`, `$or` and `$and`."""
    if query is None:
        return False

    def holds(name: str, value: Any) -> bool:
        if name in ("$or", "$and"):
            return (any if name == "$or" else all)(matches(one, stored) for one in value)
        if isinstance(value, dict):
            return stored[name] in value["$in"] if "$in" in value else stored[name] not in value["$nin"]
        return bool(stored[name] == value)

    return all(holds(name, value) for name, value in query.items())


@given(
    rule=RULES,
    who=IDS,
    role=st.sampled_from(["student", "admin"]),
    id=IDS,
    user_id=IDS,
    facts=st.tuples(SETS, SETS, SETS, SETS),
)
def test_a_list_shows_exactly_what_a_get_allows(
    rule: Rule, who: str, role: Any, id: str, user_id: str, facts: Any
) -> None:
    takes, teaches, published, hidden = facts
    viewer = Viewer(
        who, "name", role, "login", enrolled=takes, teaches=teaches, published=published, hidden=hidden
    )
    stored = {"_id": id, "userId": user_id}
    assert rule.allows(viewer, Thing(id, user_id)) == matches(rule.filter(viewer), stored)
