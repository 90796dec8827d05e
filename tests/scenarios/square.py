"""A public square on a server: people speak, like, follow and write to each other all at once."""

from collections.abc import Sequence
from typing import Any

from tests.scenarios.crowd import Act, Answered, Client

GONE = (404, 409, 422)
"""What is said to those who want something of what is just being deleted."""


class Square:
    """A few tweets and people that all look at; other tweets come and go while people like them."""

    def __init__(self, people: Sequence[Client], admin: Client) -> None:
        self.people, self.admin = list(people), admin
        self.famous = self.people[:4]
        self.lasting: list[str] = []
        self.passing: list[tuple[Client, str]] = []
        self.comments: list[tuple[Client, str, str]] = []
        """Who wrote it, its id and its tweet's."""
        self.likes: dict[tuple[str, str], bool] = {}
        """By a person's id and a path: whether they like it, as the server last told them."""
        self.said: dict[str, str] = {}
        """Texts of tweets that were posted, each different, and the ids that the server told."""
        self.deleted: set[str] = set()
        """Ids of tweets and comments."""
        self.acts: list[tuple[int, Act]] = [
            (3, self.tweet), (2, self.delete_tweet), (10, self.like), (6, self.unlike), (5, self.comment),
            (2, self.delete_comment), (4, self.follow), (3, self.unfollow), (2, self.edit), (3, self.read),
        ]  # fmt: skip
        self.letters: list[tuple[int, Act]] = [
            (6, self.write), (2, self.read_letters), (2, self.delete_letter)
        ]  # fmt: skip

    async def open(self) -> None:
        for person in self.famous[:2]:
            self.lasting.append(await self._say(person, "lasting"))
        for person in self.famous[2:]:
            path = f"/tweets/{self.lasting[0]}/comments"
            body = {"content": {"text": "I was here."}}
            made = await person.ask("POST", path, body, key=person.key(), expect=(201,))
            self.comments.append((person, made.id, self.lasting[0]))

    # ------------------------------------------------------------------------------------------ speaking

    async def tweet(self, person: Client) -> None:
        self.passing.append((person, await self._say(person, f"hello @{self.famous[0].name} #{person.name}")))

    async def delete_tweet(self, person: Client) -> None:
        mine = [one for one in self.passing if one[0] is person]
        if mine:
            self.passing.remove(mine[0])
            self.deleted.add(mine[0][1])
            await person.ask("DELETE", f"/tweets/{mine[0][1]}", expect=(204, 404))

    async def edit(self, person: Client) -> None:
        mine = [id for who, id in self.passing if who is person]
        if mine:
            famous = person.random.choice(self.famous)
            body = {"content": {"text": f"{person.key()} rather @{famous.name}"}}
            await person.ask("PATCH", f"/tweets/{mine[-1]}", body, expect=(200,))

    async def comment(self, person: Client) -> None:
        tweet = self._tweet(person)
        body = {"content": {"text": f"{person.key()} says @{self.famous[1].name}"}}
        again = person.random.random() < 0.3
        made = await person.ask(
            "POST", f"/tweets/{tweet}/comments", body, key=person.key(), expect=(201, *GONE), again=again
        )
        self._may_be_gone(made, tweet)
        if made.status == 201:
            self.comments.append((person, made.id, tweet))

    async def delete_comment(self, person: Client) -> None:
        mine = [one for one in self.comments[2:] if one[0] is person]
        if mine:
            self.comments.remove(mine[0])
            self.deleted.add(mine[0][1])
            await person.ask("DELETE", f"/comments/{mine[0][1]}", expect=(204, 404))

    # ------------------------------------------------------------------------------------------ liking

    async def like(self, person: Client) -> None:
        await self._like("PUT", person)

    async def unlike(self, person: Client) -> None:
        await self._like("DELETE", person)

    async def follow(self, person: Client) -> None:
        whom = person.random.choice([one for one in self.famous if one is not person])
        body = {"followingUserId": whom.id}
        again = person.random.random() < 0.3
        told = await person.ask("POST", "/follows", body, key=person.key(), expect=(201, 409), again=again)
        assert told.code in (None, "follow_exists"), told

    async def unfollow(self, person: Client) -> None:
        whom = person.random.choice(self.famous)
        path = f"/follows?followerUserId={person.id}&followingUserId={whom.id}"
        for one in (await person.ask("GET", path, expect=(200,))).body["items"]:
            await person.ask("DELETE", f"/follows/{one['id']}", expect=(204, 404))

    async def read(self, person: Client) -> None:
        feed: Any = (await person.ask("GET", "/feed", expect=(200,))).body["items"]
        ids = [one["id"] for one in feed]
        assert ids == sorted(set(ids), reverse=True), "newest first, each once"
        await person.ask("GET", "/notifications", expect=(200,))

    # ------------------------------------------------------------------------------------------ writing

    async def write(self, person: Client) -> None:
        """With a `clientId`, which makes it one message however often it is sent."""
        whom = person.random.choice([one for one in self.famous if one is not person])
        body = {"receiverUserId": whom.id, "content": f"dear {whom.name}", "clientId": person.key()}
        first = await person.ask("POST", "/messages", body, expect=(201,))
        if person.random.random() < 0.3:
            assert (await person.ask("POST", "/messages", body, expect=(201,))).id == first.id

    async def read_letters(self, person: Client) -> None:
        for conversation in (await person.ask("GET", "/conversations", expect=(200,))).body["items"][:3]:
            await person.ask("POST", f"/conversations/{conversation['user']['id']}/read", expect=(204, 404))

    async def delete_letter(self, person: Client) -> None:
        whom = person.random.choice([one for one in self.famous if one is not person])
        found = (await person.ask("GET", f"/messages?with={whom.id}", expect=(200,))).body["items"]
        mine = [one["id"] for one in found if one["senderUserId"] == person.id]
        if mine:
            await person.ask("DELETE", f"/messages/{person.random.choice(mine)}", expect=(204, 404))

    # ------------------------------------------------------------------------------------------ within

    async def _say(self, person: Client, words: str) -> str:
        text = f"{person.key()} {words}"
        again = person.random.random() < 0.3
        made = await person.ask(
            "POST", "/tweets", {"content": {"text": text}}, key=person.key(), expect=(201,), again=again
        )
        self.said[text] = made.id
        return made.id

    def _tweet(self, person: Client) -> str:
        """A lasting one every other time."""
        if self.passing and person.random.random() < 0.5:
            return person.random.choice(self.passing[-8:])[1]
        return person.random.choice(self.lasting)

    async def _like(self, method: str, person: Client) -> None:
        tweet = self._tweet(person)
        path = f"/tweets/{tweet}"
        if self.comments and person.random.random() < 0.3:
            _, comment, tweet = person.random.choice([*self.comments[:2], *self.comments[-8:]])
            path = f"/comments/{comment}"
        told = await person.ask(method, f"{path}/like", expect=(200, *GONE))
        if told.status == 200:
            # The thing as it is then: nobody else can have changed what one likes oneself.
            assert told.body["liked"] == (method == "PUT"), told
            self.likes[person.id, path] = method == "PUT"
        elif path.split("/")[1] == "tweets":
            self._may_be_gone(told, tweet)

    def _may_be_gone(self, answered: Answered, tweet: str) -> None:
        if answered.status in GONE:
            assert tweet not in self.lasting, f"a lasting tweet is gone: {answered}"

    async def counts_agree(self) -> None:
        """What REST says of the lasting things is what REST lists of them, and what people were told."""
        for tweet in self.lasting:
            told: Any = (await self.admin.ask("GET", f"/tweets/{tweet}", expect=(200,))).body
            assert told["commentsCount"] == len(await self.admin.all_of(f"/tweets/{tweet}/comments"))
            await self._liked_by(f"/tweets/{tweet}")
        for _, comment, _ in self.comments[:2]:
            await self._liked_by(f"/comments/{comment}")
        for person in self.famous:
            told = (await self.admin.ask("GET", f"/users/{person.id}", expect=(200,))).body
            for name in ("followers", "following", "tweets"):
                listed = await self.admin.all_of(f"/users/{person.id}/{name}")
                assert told[f"{name}Count"] == len(listed) == len({one["id"] for one in listed}), name

    async def _liked_by(self, path: str) -> None:
        told: Any = (await self.admin.ask("GET", path, expect=(200,))).body
        liking = {one["user"]["id"] for one in await self.admin.all_of(f"{path}/likes")}
        assert told["likesCount"] == len(liking)
        assert liking == {who for (who, what), likes in self.likes.items() if what == path and likes}
