"""Blocks and reports over HTTP: what they hide, from whom, and that nothing tells a blocked person of it."""

from typing import Any

from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from tests.api.social.test_social import Person, ada, eve, root
from tests.usecases.world import World

Wire = dict[str, Any]


__all__ = ["ada", "eve", "root"]


async def block(who: Person, whom: Person) -> Wire:
    made: Wire = await who.do("POST", "/blocks", {"blockedUserId": whom.id})
    return made


async def report(who: Person, kind: str, id: str) -> Wire:
    made: Wire = await who.do("POST", "/reports", {"targetKind": kind, "targetId": id, "reason": "Look"})
    return made


async def comment(who: Person, tweet: Wire, text: str) -> Wire:
    made: Wire = await who.do("POST", f"/tweets/{tweet['id']}/comments", {"content": {"text": text}})
    return made


async def answers(who: Person, method: str, path: str, hidden: str, body: Wire | None = None) -> None:
    """`hidden`, an id in the path or the body, is answered as one that nobody has."""
    nobody, fields = new_id(), body or {}
    there = await who.ask(method, path.format(hidden), {n: v.format(hidden) for n, v in fields.items()})
    missing = await who.ask(method, path.format(nobody), {n: v.format(nobody) for n, v in fields.items()})
    assert there == missing and there[0] in (404, 422), (method, path, there, missing)


async def test_what_a_block_hides_is_answered_as_what_is_not_there(
    ada: Person, eve: Person, root: Person
) -> None:
    followed = await ada.do("POST", "/follows", {"followingUserId": root.id})
    said = await ada.tweet("Hello")
    answer = await comment(ada, said, "to myself")
    await block(ada, eve)
    for path in (
        "/users/{}",
        "/users/{}/tweets",
        "/users/{}/followers",
        "/users/{}/following",
        "/users/{}/export",
    ):
        await answers(eve, "GET", path, ada.id)
    for path, id in (("/tweets/{}", said["id"]), ("/comments/{}", answer["id"])):
        for method in ("GET", "PATCH", "DELETE"):
            await answers(eve, method, path, id)
        await answers(eve, "PUT", f"{path}/like", id)
        await answers(eve, "DELETE", f"{path}/like", id)
        await answers(eve, "GET", f"{path}/likes", id)
    await answers(eve, "GET", "/tweets/{}/comments", said["id"])
    await answers(eve, "GET", "/follows/{}", followed["id"])
    await answers(eve, "DELETE", "/users/{}", ada.id)
    await answers(eve, "POST", "/follows", ada.id, {"followingUserId": "{}"})
    await answers(eve, "POST", "/messages", ada.id, {"receiverUserId": "{}", "content": "Hello?"})
    assert await ada.refused("POST", "/messages", {"receiverUserId": eve.id, "content": "Hm"}) == (403, "blocked")


async def test_people_who_are_hidden_are_no_longer_among_those_whom_a_text_names(
    ada: Person, eve: Person, root: Person
) -> None:
    own, other = await ada.tweet("@eve and @root"), await root.tweet("@eve and @ada")
    answer = await comment(root, other, "@ada @eve")
    found = f"/tweets?mention={eve.id}"

    async def named(who: Person) -> list[list[str]]:
        paths = (f"/tweets/{own['id']}", f"/tweets/{other['id']}", f"/comments/{answer['id']}")
        return [[one["username"] for one in (await who.get(path))["mentions"]] for path in paths]

    everybody = [["eve", "root"], ["eve", "ada"], ["ada", "eve"]]
    assert await named(ada) == everybody and await ada.ids(found) == [other["id"], own["id"]]
    await block(ada, eve)
    assert await named(ada) == [["root"], ["ada"], ["ada"]] and await ada.ids(found) == []
    assert await named(root) == everybody and await root.ids(found) == [other["id"], own["id"]]
    assert [one["mentions"][-1]["username"] for one in (await eve.get("/tweets"))["items"]] == ["eve"]


async def test_what_two_wrote_to_each_other_stays_with_both_under_their_names_alone(
    world: World, ada: Person, eve: Person
) -> None:
    for who, other in ((ada, eve), (eve, ada)):
        picture = await world.upload(Actor(who.id, "", "student", ""))
        await who.do("PATCH", f"/users/{who.id}", {"profileImage": picture.id})
        await who.do("POST", "/messages", {"receiverUserId": other.id, "content": "Hello"})
    assert (await ada.get("/conversations"))["items"][0]["user"]["profileImage"] is not None
    made = await block(ada, eve)
    assert made["blocked"] == {"id": eve.id, "username": "eve", "profileImage": None}
    for who, other, name in ((ada, eve, "eve"), (eve, ada, "ada")):
        alone = {"id": other.id, "username": name, "profileImage": None}
        (talk,) = (await who.get("/conversations"))["items"]
        assert talk["user"] == alone and talk["lastMessage"]["content"] == "Hello"
        messages = (await who.get(f"/messages?with={other.id}"))["items"]
        assert len(messages) == 2
        for message in messages:
            theirs = "sender" if message["senderUserId"] == other.id else "receiver"
            assert message[theirs] == alone
            assert await who.get(f"/messages/{message['id']}") == message


async def test_a_comment_is_readable_only_where_its_tweet_is(ada: Person, eve: Person, root: Person) -> None:
    await block(ada, eve)
    said, others = await ada.tweet("Hello"), await root.tweet("Good morning")
    named = await comment(root, said, "What does @eve say?")
    assert named["mentions"] == []
    assert (await eve.get("/notifications"))["items"] == []
    changed = await root.do("PATCH", f"/comments/{named['id']}", {"content": {"text": "@eve?"}})
    assert changed["mentions"] == [] and (await eve.get("/notifications"))["items"] == []
    for method, path in (("GET", ""), ("PUT", "/like"), ("GET", "/likes"), ("PATCH", ""), ("DELETE", "")):
        await answers(eve, method, "/comments/{}" + path, named["id"])
    assert (await ada.get(f"/comments/{named['id']}"))["id"] == named["id"]
    there = await comment(root, others, "@eve and @ada")
    assert await eve.ids(f"/tweets/{others['id']}/comments") == [there["id"]]


async def test_whose_tweet_it_is_may_remove_what_others_say_under_it(
    ada: Person, eve: Person, root: Person
) -> None:
    said = await ada.tweet("Hello")
    answer, other = await comment(eve, said, "Bah"), await comment(root, said, "Hm")
    assert await eve.refused("DELETE", f"/comments/{other['id']}") == (403, "forbidden")
    assert await ada.refused("PATCH", f"/comments/{answer['id']}", {"content": {"text": "x"}}) == (
        403,
        "forbidden",
    )
    await ada.do("DELETE", f"/comments/{answer['id']}")
    assert await eve.ids(f"/tweets/{said['id']}/comments") == [other["id"]]
    assert (await ada.get(f"/tweets/{said['id']}"))["commentsCount"] == 1


async def test_a_block_takes_back_what_one_was_told_of_the_other(ada: Person, eve: Person, root: Person) -> None:
    said, others = await ada.tweet("Hello"), await root.tweet("@eve, good morning")
    await comment(eve, said, "words for @ada")
    for who in (eve, root):
        await who.do("PUT", f"/tweets/{said['id']}/like")
    await eve.tweet("Dear @ada")
    await comment(root, said, "and @eve?")
    await eve.do("POST", "/messages", {"receiverUserId": ada.id, "content": "psst"})
    kinds = [item["content"]["type"] for item in (await ada.get("/notifications"))["items"]]
    assert sorted(kinds) == ["commented", "liked", "mentioned", "mentioned", "message"]
    await block(ada, eve)
    items = [item["content"] for item in (await ada.get("/notifications"))["items"]]
    assert sorted(item["type"] for item in items) == ["commented", "liked"]
    for item in items:
        assert ([one["username"] for one in item["actors"]], item["count"]) == (["root"], 1)
    assert await ada.get("/notifications/unread-count") == {"unreadCount": 2}
    (left,) = (await eve.get("/notifications"))["items"]
    assert (left["content"]["tweetId"], left["content"]["text"]) == (others["id"], "@eve, good morning")


async def test_a_report_shows_nobody_what_they_may_not_read(ada: Person, eve: Person, root: Person) -> None:
    await ada.do("PATCH", f"/users/{ada.id}", {"profile": {"bio": "Reads."}})
    said = await ada.tweet("Hello")
    answer, other = await comment(root, said, "Hm"), await ada.tweet("Good night")
    await report(eve, "tweet", other["id"])
    assert (await eve.get("/reports"))["items"][0]["target"]["text"] == "Good night"
    await block(ada, eve)
    made = await report(eve, "user", ada.id)
    assert made["target"] is None and (await eve.get(f"/reports/{made['id']}"))["target"] is None
    assert [one["target"] for one in (await eve.get("/reports"))["items"]] == [None, None]
    texts = [one["target"]["text"] for one in (await root.get("/reports"))["items"]]
    assert texts == ["Reads.", "Good night"]
    for kind, id in (("tweet", said["id"]), ("tweet", other["id"]), ("comment", answer["id"])):
        await answers(eve, "POST", "/reports", id, {"targetKind": kind, "targetId": "{}", "reason": "Look"})


async def test_who_blocked_somebody_may_still_report_what_they_say(ada: Person, eve: Person) -> None:
    said = await eve.tweet("Something bad")
    await block(ada, eve)
    assert (await report(ada, "tweet", said["id"]))["target"] is None
    later = await eve.tweet("Something worse")
    await block(eve, ada)
    await answers(ada, "POST", "/reports", later["id"], {"targetKind": "tweet", "targetId": "{}", "reason": "x"})
    await report(ada, "user", eve.id)
