"""Who may do what with a document: named rules, each a predicate and the query filter that agrees with it.

No list shows what a get would refuse, because both come from one rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic.alias_generators import to_camel

from mediaserver.domain.documents.actor import Actor, Fact, Role, Viewer

Filter = Mapping[str, Any]
"""A query over stored fields; `{}` matches everything."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is said to whom a rule does not allow: a code for programs, a sentence for people."""

    code: str = "forbidden"
    detail: str = "you may not do that"
    hides: bool = False
    """That there is anything at all: what is said then is what is said of a document that is not there."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`allows` judges one document, `filter` selects the same documents in a query (None: not a single one).

    `needs` are the facts that both ask about the actor: with any, they are given a `Viewer` that has these.
    """

    name: str
    allows: Callable[[Actor, Any], bool]
    filter: Callable[[Actor], Filter | None]
    needs: frozenset[Fact] = frozenset()
    refusal: Refusal = Refusal()

    def refusing(self, code: str, detail: str) -> "Rule":
        """The same rule, which says so to those whom it does not allow."""
        return replace(self, refusal=Refusal(code, detail))

    def hiding(self) -> "Rule":
        """The same rule; for those whom it does not allow there is no such document."""
        return replace(self, refusal=Refusal(hides=True))


@dataclass(frozen=True, slots=True)
class Policy:
    """`create` judges the document about to be stored; the others judge a stored one."""

    read: Rule
    update: Rule
    delete: Rule
    create: Rule

    @property
    def needs(self) -> frozenset[Fact]:
        """The facts that any of its rules asks for."""
        return self.read.needs | self.update.needs | self.delete.needs | self.create.needs


def owner(field: str) -> Rule:
    """The person whom `field` of the document names."""
    stored = "_id" if field == "id" else to_camel(field)
    return Rule(
        f"owner ({field})",
        lambda actor, document: bool(getattr(document, field) == actor.user_id),
        lambda actor: {stored: actor.user_id},
    )


def any_of(*rules: Rule) -> Rule:
    def query(actor: Actor) -> Filter | None:
        filters = [one for rule in rules if (one := rule.filter(actor)) is not None]
        if not filters:
            return None
        if any(not one for one in filters):
            return {}
        return filters[0] if len(filters) == 1 else {"$or": filters}

    return Rule(
        " or ".join(rule.name for rule in rules),
        lambda actor, document: any(rule.allows(actor, document) for rule in rules),
        query,
        frozenset[Fact]().union(*(rule.needs for rule in rules)),
    )


def all_of(*rules: Rule) -> Rule:
    def query(actor: Actor) -> Filter | None:
        filters = [rule.filter(actor) for rule in rules]
        if any(one is None for one in filters):
            return None
        parts = [one for one in filters if one]
        return {"$and": parts} if len(parts) > 1 else parts[0] if parts else {}

    return Rule(
        " and ".join(rule.name for rule in rules),
        lambda actor, document: all(rule.allows(actor, document) for rule in rules),
        query,
        frozenset[Fact]().union(*(rule.needs for rule in rules)),
    )


def where(field: str, value: Any) -> Rule:
    """Documents whose `field` has this value, for whoever asks."""
    return Rule(
        f"{field} is {value}",
        lambda actor, document: bool(getattr(document, field) == value),
        lambda actor: {to_camel(field): value},
    )


def has_role(*roles: Role) -> Rule:
    return Rule(
        " or ".join(roles),
        lambda actor, document: actor.role in roles,
        lambda actor: {} if actor.role in roles else None,
    )


def enrolled(field: str = "course_id") -> Rule:
    """Those who take the course that `field` names."""
    return _of_courses(field, "enrolled", lambda viewer: viewer.enrolled)


def instructor(field: str = "course_id") -> Rule:
    """The instructor of the course that `field` names."""
    return _of_courses(field, "instructor", lambda viewer: viewer.teaches)


def of_one_in(field: str) -> Rule:
    """Those who take or teach one of the courses that `field`, a list, names."""
    stored = to_camel(field)
    return Rule(
        "enrolled in or instructor of one of them",
        lambda viewer, document: not _courses(viewer).isdisjoint(getattr(document, field)),
        lambda viewer: {stored: {"$in": sorted(found)}} if (found := _courses(viewer)) else None,
        frozenset[Fact](("courses",)),
    )


def open_or_known(field: str = "course_id") -> Rule:
    """What belongs to no course, for anyone; what belongs to one, for those who take or teach it."""
    stored = to_camel(field)
    return Rule(
        "of no course, or enrolled, or instructor",
        lambda viewer, document: (id := getattr(document, field)) is None or id in _courses(viewer),
        lambda viewer: {stored: {"$in": [None, *sorted(_courses(viewer))]}},
        frozenset[Fact](("courses",)),
    )


def of_published(field: str = "course_id") -> Rule:
    """What belongs to a published course: a query selects it where it asks for one course, and else none."""
    return _of_courses(field, "published", lambda viewer: viewer.published, "published")


def not_blocked(field: str = "user_id") -> Rule:
    """Everybody but those between whom and the person of `field` one has blocked the other."""
    stored = "_id" if field == "id" else to_camel(field)
    return Rule(
        "not blocked",
        lambda viewer, document: getattr(document, field) not in _facts(viewer).hidden,
        lambda viewer: {stored: {"$nin": sorted(_facts(viewer).hidden)}} if _facts(viewer).hidden else {},
        frozenset[Fact](("blocks",)),
    )


def _of_courses(
    field: str, name: str, courses: Callable[[Viewer], frozenset[str]], fact: Fact = "courses"
) -> Rule:
    stored = "_id" if field == "id" else to_camel(field)
    return Rule(
        name,
        lambda viewer, document: getattr(document, field) in courses(_facts(viewer)),
        lambda viewer: {stored: {"$in": sorted(found)}} if (found := courses(_facts(viewer))) else None,
        frozenset[Fact]((fact,)),
    )


def _courses(viewer: Actor) -> frozenset[str]:
    """Those that somebody takes or teaches."""
    return _facts(viewer).enrolled | _facts(viewer).teaches


def _facts(actor: Actor) -> Viewer:
    assert isinstance(actor, Viewer), "a rule that needs facts is asked about a Viewer"
    return actor


anyone = Rule("anyone signed in", lambda actor, document: True, lambda actor: {})
nobody = Rule("nobody", lambda actor, document: False, lambda actor: None)
admin = Rule("admin", lambda actor, document: actor.is_admin, lambda actor: {} if actor.is_admin else None)
