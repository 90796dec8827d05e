import pytest

from mediaserver.base.nouns import plural, singular, with_article, words


@pytest.mark.parametrize(
    ("name", "one", "several"),
    [
        ("VideoClip", "a video clip", "video clips"),
        ("assignment", "an assignment", "assignments"),
        ("user", "a user", "users"),
        ("upload", "an upload", "uploads"),
        ("category", "a category", "categories"),
        ("live-session", "a live session", "live sessions"),
    ],
)
def test_things_are_called_as_people_call_them(name: str, one: str, several: str) -> None:
    assert (with_article(words(name)), plural(words(name))) == (one, several)
    assert singular(several) == words(name) and singular("progress") == "progress"
