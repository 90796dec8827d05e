"""People and what they say, over HTTP: who sees what, what lists show, what a block does."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.social.follows import Follow
from mediaserver.domain.social.likes import CommentLike, TweetLike
from tests.api.conftest import Client, bearer
from tests.usecases.world import World

Wire = dict[str, Any]


class Person:
    """Somebody with a client."""

    def __init__(self, client: Client, id: str, token: str) -> None:
        self._client, self.id, self._headers = client, id, bearer(token)

    async def ask(self, method: str, path: str, body: Wire | None = None) -> tuple[int, Any]:
        answer = await self._client.request(method, f"/api/v1{path}", json=body, headers=self._headers)
        return answer.status, (await answer.json() if await answer.read() else None)

    async def get(self, path: str) -> Any:
        status, wire = await self.ask("GET", path)
        assert status == 200, wire
        return wire

    async def ids(self, path: str) -> list[str]:
        return [item["id"] for item in (await self.get(path))["items"]]

    async def do(self, method: str, path: str, body: Wire | None = None) -> Any:
        status, wire = await self.ask(method, path, body)
        assert status in (200, 201, 204), wire
        return wire

    async def refused(self, method: str, path: str, body: Wire | None = None) -> tuple[int, str]:
        status, wire = await self.ask(method, path, body)
        return status, wire["code"]

    async def tweet(self, text: str, **content: Any) -> Wire:
        wire: Wire = await self.do("POST", "/tweets", {"content": {"text": text, **content}})
        return wire


async def person(client: Client, world: World, name: str, role: Any = "student") -> Person:
    actor = await world.person(name, role)
    return Person(client, actor.user_id, world.ctx.tokens.issue(actor, world.clock.now))


@pytest.fixture
async def ada(client: Client, world: World) -> Person:
    return await person(client, world, "ada")


@pytest.fixture
async def eve(client: Client, world: World) -> Person:
    return await person(client, world, "eve")


@pytest.fixture
async def root(client: Client, world: World) -> Person:
    return await person(client, world, "root", "admin")


async def test_a_profile_says_what_one_is_good_at_and_who_listens(ada: Person, eve: Person, root: Person) -> None:
    algebra = await root.do("POST", "/skills", {"name": "Algebra", "category": "Mathematics"})
    drawing = await root.do("POST", "/skills", {"name": "Drawing"})
    await ada.do("PATCH", f"/users/{ada.id}", {"skills": [drawing["id"], algebra["id"]]})
    await eve.do("POST", "/follows", {"followingUserId": ada.id})
    await ada.tweet("Hello")
    seen = await eve.get(f"/users/{ada.id}")
    assert [skill["name"] for skill in seen["skills"]] == ["Drawing", "Algebra"]
    assert (seen["followersCount"], seen["followingCount"], seen["tweetsCount"], seen["following"]) == (
        1,
        0,
        1,
        True,
    )
    assert not (await ada.get(f"/users/{eve.id}"))["following"]
    assert await eve.ids(f"/users?skill={algebra['id']}") == [ada.id]
    await root.do("DELETE", f"/skills/{drawing['id']}")
    assert [skill["name"] for skill in (await eve.get(f"/users/{ada.id}"))["skills"]] == ["Algebra"]


async def test_wrong_skills_are_named(ada: Person, root: Person) -> None:
    algebra = (await root.do("POST", "/skills", {"name": "Algebra"}))["id"]
    for skills, loc in (([algebra, ada.id], "skills.1"), ([algebra, algebra], "skills"), (["x"], "skills.0")):
        status, wire = await ada.ask("PATCH", f"/users/{ada.id}", {"skills": skills})
        assert status == 422 and [error["loc"] for error in wire["errors"]] == [loc]
    assert await root.refused("POST", "/skills", {"name": "ALGEBRA"}) == (409, "name_taken")
    assert await ada.refused("POST", "/skills", {"name": "Drawing"}) == (403, "forbidden")


async def test_people_are_found_by_words_and_by_what_their_name_begins_with(
    client: Client, world: World, ada: Person
) -> None:
    maria = await person(client, world, "Maria.Lopez")
    await ada.do("PATCH", f"/users/{ada.id}", {"profile": {"bio": "Geometry, mostly."}})
    for words in ("mar", "MARIA", "maria lop", "lopez", "ma"):
        assert await ada.ids(f"/users?q={words}") == [maria.id], words
    assert await maria.ids("/users?q=geometry mostly") == [ada.id]
    assert await maria.ids("/users?q=nobody") == []
    assert await maria.ids("/users?q=?!") == []


async def test_a_search_of_too_many_words_says_so(client: Client, ada: Person) -> None:
    words = "+".join(f"w{n}" for n in range(21))
    status, problem = await ada.ask("GET", f"/tweets?q={words}")
    assert (status, problem["detail"]) == (422, "A search may have at most 20 words.")
    assert problem["errors"] == [{"loc": "q", "msg": "may have at most 20 words"}]


async def test_followers_and_followed_are_listed_with_their_summaries(ada: Person, eve: Person) -> None:
    made = await eve.do("POST", "/follows", {"followingUserId": ada.id})
    assert made["following"]["username"] == "ada" and made["follower"]["username"] == "eve"
    assert made["followDate"] == made["createdAt"]
    for path in (
        f"/users/{ada.id}/followers",
        f"/users/{eve.id}/following",
        f"/follows?followingUserId={ada.id}",
    ):
        assert await ada.ids(path) == [made["id"]], path
    assert await ada.ids(f"/users/{eve.id}/followers") == []
    assert await eve.refused("POST", "/follows", {"followingUserId": ada.id}) == (409, "follow_exists")
    assert await eve.refused("POST", "/follows", {"followingUserId": eve.id}) == (422, "not_oneself")
    assert await ada.refused("DELETE", f"/follows/{made['id']}") == (403, "forbidden")
    await eve.do("DELETE", f"/follows/{made['id']}")
    assert await ada.ids(f"/users/{ada.id}/followers") == []


async def test_tweets_are_found_by_author_tag_mention_and_words(ada: Person, eve: Person) -> None:
    first = await ada.tweet("Dear @eve, #Algebra is fun")
    second = await eve.tweet("#algebra again")
    assert first["mentions"] == [{"id": eve.id, "username": "eve", "profileImage": None}]
    assert first["author"]["username"] == "ada" and first["hashtags"] == ["algebra"]
    assert await ada.ids("/tweets") == [second["id"], first["id"]]
    for query in ("hashtag=ALGEBRA", "hashtag=%23algebra", "q=algebra"):
        assert await ada.ids(f"/tweets?{query}") == [second["id"], first["id"]], query
    one = [first["id"]]
    assert await ada.ids(f"/tweets?userId={ada.id}") == await ada.ids(f"/users/{ada.id}/tweets") == one
    assert await ada.ids(f"/tweets?mention={eve.id}") == await ada.ids("/tweets?q=fun algebra") == one
    assert (await ada.ask("GET", "/tweets?hashtag=a b"))[0] == 422


async def test_ones_own_text_may_be_mended_by_nobody_else(ada: Person, eve: Person, root: Person) -> None:
    said = await ada.tweet("Hallo")
    path = f"/tweets/{said['id']}"
    changed = await ada.do("PATCH", path, {"content": {"text": "Hello"}})
    assert changed["content"] == {"text": "Hello", "media": []} and changed["editedAt"] is not None
    for who in (eve, root):
        assert await who.refused("PATCH", path, {"content": {"text": "x"}}) == (403, "forbidden")
    for content in ({"text": None}, {"text": " "}, {"text": "x" * 1001}, {"media": ["x"]}, {"more": 1}):
        assert (await ada.ask("PATCH", path, {"content": content}))[0] == 422, content
    assert await eve.refused("DELETE", path) == (403, "forbidden")
    await root.do("DELETE", path)


async def test_media_are_ones_own_and_shown_to_readers(
    client: Client, world: World, ada: Person, eve: Person
) -> None:
    picture = await world.upload(await _actor(world, "ada"))
    foreign = await world.upload(await _actor(world, "eve"))
    said = await ada.tweet("", media=[picture.id])
    assert said["content"]["media"][0]["id"] == picture.id
    assert (await eve.get(f"/uploads/{picture.id}"))["id"] == picture.id
    status, wire = await ada.ask("POST", "/tweets", {"content": {"media": [picture.id, foreign.id]}})
    assert status == 422 and [error["loc"] for error in wire["errors"]] == ["content.media.1"]
    for media in ([picture.id] * 2, [foreign.id] * 5):
        assert (await ada.ask("POST", "/tweets", {"content": {"media": media}}))[0] == 422


async def test_liking_answers_what_is_liked(ada: Person, eve: Person) -> None:
    said = await ada.tweet("Hello")
    answer = await eve.do("POST", f"/tweets/{said['id']}/comments", {"content": {"text": "Hi"}})
    for path, id in (("/tweets", said["id"]), ("/comments", answer["id"])):
        for _ in range(2):
            liked = await eve.do("PUT", f"{path}/{id}/like")
            assert (liked["likesCount"], liked["liked"]) == (1, True)
        assert not (await ada.get(f"{path}/{id}"))["liked"]
        (like,) = (await ada.get(f"{path}/{id}/likes"))["items"]
        assert like["user"]["username"] == "eve"
        for _ in range(2):
            liked = await eve.do("DELETE", f"{path}/{id}/like")
            assert (liked["likesCount"], liked["liked"]) == (0, False)
        assert await eve.refused("PUT", f"{path}/{ada.id}/like") == (404, "not_found")
    assert (await ada.get(f"/tweets/{said['id']}"))["commentsCount"] == 1


async def test_comments_come_in_their_order(ada: Person, eve: Person) -> None:
    said = await ada.tweet("Hello")
    path = f"/tweets/{said['id']}/comments"
    made = [(await eve.do("POST", path, {"content": {"text": str(n)}}))["id"] for n in range(5)]
    first = await ada.get(f"{path}?limit=2")
    made.append((await ada.do("POST", path, {"content": {"text": "later"}}))["id"])
    rest = await ada.get(f"{path}?cursor={first['nextCursor']}")
    assert [item["id"] for item in (*first["items"], *rest["items"])] == made
    assert await ada.refused("POST", f"/tweets/{ada.id}/comments", {"content": {"text": "x"}}) == (
        404,
        "not_found",
    )
    await ada.do("DELETE", f"/tweets/{said['id']}")
    assert await eve.refused("GET", f"/comments/{made[0]}") == (404, "not_found")


async def test_the_feed_is_of_those_whom_one_follows(ada: Person, eve: Person, root: Person) -> None:
    mine, theirs, _ = await ada.tweet("mine"), await eve.tweet("theirs"), await root.tweet("others'")
    assert await ada.ids("/feed") == [mine["id"]]
    made = await ada.do("POST", "/follows", {"followingUserId": eve.id})
    assert await ada.ids("/feed") == [theirs["id"], mine["id"]]
    first = await ada.get("/feed?limit=1")
    assert await ada.ids(f"/feed?limit=1&cursor={first['nextCursor']}") == [mine["id"]]
    assert (await ada.ask("GET", "/feed?cursor=nonsense"))[0] == 422
    await ada.do("DELETE", f"/follows/{made['id']}")
    assert await ada.ids("/feed") == [mine["id"]]


async def test_a_block_parts_two_people(ada: Person, eve: Person, root: Person) -> None:
    for one, other in ((ada, eve), (eve, ada), (root, eve), (root, ada)):
        await one.do("POST", "/follows", {"followingUserId": other.id})
    said, other = await ada.tweet("Hello"), await root.tweet("Good morning")
    spoken = [
        await who.do("POST", f"/tweets/{other['id']}/comments", {"content": {"text": "Hi"}}) for who in (ada, eve)
    ]
    for who in (ada, eve):
        await who.do("PUT", f"/tweets/{other['id']}/like")
    block = await ada.do("POST", "/blocks", {"blockedUserId": eve.id})
    assert block["blocked"]["username"] == "eve"
    for who, hidden, mine in ((ada, eve, spoken[0]), (eve, ada, spoken[1])):
        assert (await who.get(f"/users/{who.id}"))["followersCount"] == 1
        assert await who.refused("GET", f"/users/{hidden.id}") == (404, "not_found")
        assert await who.refused("GET", f"/users/{hidden.id}/tweets") == (404, "not_found")
        assert hidden.id not in await who.ids("/users") + await who.ids(
            f"/users?q={'eve' if who is ada else 'ada'}"
        )
        assert await who.ids(f"/tweets/{other['id']}/comments") == [mine["id"]]
        likes = await who.get(f"/tweets/{other['id']}/likes")
        assert [like["user"]["id"] for like in likes["items"]] == [who.id]
        followers = (await who.get(f"/users/{root.id}/following"))["items"]
        assert [one["followingUserId"] for one in followers] == [who.id]
        assert await who.refused("POST", "/follows", {"followingUserId": hidden.id}) == (422, "missing_reference")
    assert await eve.refused("GET", f"/tweets/{said['id']}") == (404, "not_found")
    assert await eve.refused("PUT", f"/tweets/{said['id']}/like") == (404, "not_found")
    for path in ("/tweets", "/feed"):
        assert said["id"] not in await eve.ids(path)
    assert (await root.ids("/users"), len(await root.ids(f"/tweets/{other['id']}/comments"))) == (
        [root.id, eve.id, ada.id],
        2,
    )


async def test_only_who_blocks_knows_of_it_and_can_end_it(ada: Person, eve: Person) -> None:
    block = await ada.do("POST", "/blocks", {"blockedUserId": eve.id})
    assert await ada.refused("POST", "/blocks", {"blockedUserId": eve.id}) == (409, "block_exists")
    assert await ada.refused("POST", "/blocks", {"blockedUserId": ada.id}) == (422, "not_oneself")
    assert await eve.ids("/blocks") == [] and await ada.ids("/blocks") == [block["id"]]
    for method in ("GET", "DELETE"):
        assert await eve.refused(method, f"/blocks/{block['id']}") == (403, "forbidden")
    back = await eve.do("POST", "/blocks", {"blockedUserId": ada.id})
    await ada.do("DELETE", f"/blocks/{block['id']}")
    assert await ada.refused("GET", f"/users/{eve.id}") == (404, "not_found")
    await eve.do("DELETE", f"/blocks/{back['id']}")
    assert (await ada.get(f"/users/{eve.id}"))["username"] == "eve"


async def test_a_report_is_between_who_made_it_and_admins(ada: Person, eve: Person, root: Person) -> None:
    said = await eve.tweet("Something bad")
    answer = await eve.do("POST", f"/tweets/{said['id']}/comments", {"content": {"text": "worse"}})
    await ada.do("POST", "/blocks", {"blockedUserId": eve.id})
    made = []
    for kind, id, text in (
        ("tweet", said["id"], "Something bad"),
        ("comment", answer["id"], "worse"),
        ("user", eve.id, ""),
    ):
        body = {"targetKind": kind, "targetId": id, "reason": "Look"}
        one = await ada.do("POST", "/reports", body)
        assert (one["status"], one["target"]) == ("open", None), "ada does not see it any more, an admin does"
        assert (await ada.get(f"/reports/{one['id']}"))["target"] is None
        seen = (await root.get(f"/reports/{one['id']}"))["target"]
        assert (seen["author"]["username"], seen["text"]) == ("eve", text)
        assert await ada.refused("POST", "/reports", body) == (409, "report_exists")
        made.append(one["id"])
    assert await root.ids("/reports?status=open") == await ada.ids("/reports") == made[::-1]
    assert await eve.ids("/reports") == []
    assert await eve.refused("GET", f"/reports/{made[0]}") == (403, "forbidden")
    assert await ada.refused("PATCH", f"/reports/{made[0]}", {"status": "dismissed"}) == (403, "forbidden")
    assert (await root.do("PATCH", f"/reports/{made[0]}", {"status": "resolved"}))["status"] == "resolved"
    assert await root.ids("/reports?status=open&targetKind=comment") == [made[1]]
    await root.do("DELETE", f"/tweets/{said['id']}")
    assert await root.ids("/reports") == [made[2]]


async def test_what_cannot_be_reported(ada: Person, eve: Person, root: Person) -> None:
    message = await eve.do("POST", "/messages", {"receiverUserId": root.id, "content": "psst"})
    wrong = [("tweet", eve.id), ("message", message["id"]), ("user", message["id"]), ("user", ada.id)]
    for kind, id in wrong:
        status, wire = await ada.ask("POST", "/reports", {"targetKind": kind, "targetId": id, "reason": "x"})
        assert status == 422 and [error["loc"] for error in wire["errors"]] == ["targetId"]
    assert (await ada.ask("POST", "/reports", {"targetKind": "course", "targetId": "x", "reason": " "}))[0] == 422
    one = await root.do("POST", "/reports", {"targetKind": "message", "targetId": message["id"], "reason": "x"})
    assert one["target"]["text"] == "psst"


@pytest.mark.slow
async def test_fifty_people_at_once_who_like_follow_and_take_it_back(client: Client, world: World) -> None:
    world.clock.now = datetime.now(UTC)  # a server with TTL indexes of its own clears away old logins meanwhile
    ada = await person(client, world, "ada")
    said = await ada.tweet("Hello")
    answer = await ada.do("POST", f"/tweets/{said['id']}/comments", {"content": {"text": "Hi"}})
    people = [await person(client, world, f"person{n}") for n in range(50)]

    async def waver(who: Person, n: int) -> None:
        for path in (f"/tweets/{said['id']}/like", f"/comments/{answer['id']}/like"):
            acts = ["PUT", "PUT", "DELETE", "DELETE", "PUT"][: 3 + n % 3]
            await asyncio.gather(*(who.do(act, path) for act in acts))
            await who.do("PUT" if n % 3 else "DELETE", path)
        answers = await asyncio.gather(
            *(who.ask("POST", "/follows", {"followingUserId": ada.id}) for _ in range(2))
        )
        assert sorted(status for status, _ in answers) == [201, 409]
        if n % 2:
            (made,) = (await who.get(f"/users/{who.id}/following"))["items"]
            await who.do("DELETE", f"/follows/{made['id']}")

    await asyncio.gather(*(waver(who, n) for n, who in enumerate(people)))
    liking = sum(1 for n in range(50) if n % 3)
    tweet, comment = await ada.get(f"/tweets/{said['id']}"), await ada.get(f"/comments/{answer['id']}")
    assert tweet["likesCount"] == await world.ctx.of(TweetLike).count({"tweetId": said["id"]}) == liking
    assert comment["likesCount"] == await world.ctx.of(CommentLike).count({}) == liking
    followers = (await ada.get(f"/users/{ada.id}"))["followersCount"]
    assert followers == await world.ctx.of(Follow).count({"followingUserId": ada.id}) == 25
    assert (await world.ctx.users.get(ada.id)).marks == []


async def test_tweets_and_comments_of_which_nothing_can_be_seen_are_refused(ada: Person) -> None:
    said = await ada.tweet("Hello")
    for text in ("   ", "\u200b\n\u3164", "\u2800\ufe0f"):
        for path in ("/tweets", f"/tweets/{said['id']}/comments"):
            assert (await ada.ask("POST", path, {"content": {"text": text}}))[0] == 422
        assert (await ada.ask("PATCH", f"/tweets/{said['id']}", {"content": {"text": text}}))[0] == 422


async def _actor(world: World, name: str) -> Actor:
    user = await world.ctx.users.find_one({"username": name})
    assert user is not None
    return Actor(user.id, user.username, user.role, "login")
