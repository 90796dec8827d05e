"""Who may do what with a document: named rules, each a predicate and the query filter that agrees with it.

No list shows what a get would refuse, because both come from one rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.alias_generators import to_camel

from mediaserver.domain.actor import Actor

Filter = Mapping[str, Any]
"""A query over stored fields; `{}` matches everything."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`allows` judges one document, `filter` selects the same documents in a query (None: not a single one)."""

    name: str
    allows: Callable[[Actor, Any], bool]
    filter: Callable[[Actor], Filter | None]


@dataclass(frozen=True, slots=True)
class Policy:
    """`create` judges the actor alone (its document is None); the others judge a stored document."""

    read: Rule
    update: Rule
    delete: Rule
    create: Rule


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
        return {} if any(not one for one in filters) else {"$or": filters}

    return Rule(
        " or ".join(rule.name for rule in rules),
        lambda actor, document: any(rule.allows(actor, document) for rule in rules),
        query,
    )


anyone = Rule("anyone signed in", lambda actor, document: True, lambda actor: {})
nobody = Rule("nobody", lambda actor, document: False, lambda actor: None)
admin = Rule("admin", lambda actor, document: actor.is_admin, lambda actor: {} if actor.is_admin else None)
