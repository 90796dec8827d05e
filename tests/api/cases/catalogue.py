"""The cases of all resources."""

from tests.api.cases import Case, learning, messages, people, social

CASES: dict[str, Case] = {**people.CASES, **social.CASES, **messages.CASES, **learning.CASES}
