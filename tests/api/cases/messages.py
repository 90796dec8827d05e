from mediaserver.api.messaging.message_resources import DIRECT_MESSAGES
from mediaserver.api.notifications.notification_resources import NOTIFICATIONS
from mediaserver.base.ids import new_id
from mediaserver.domain.notifications import Notification
from mediaserver.usecases.messaging import direct_messages
from mediaserver.usecases.notifications.notifications import notify
from tests.api.cases import Case, Fields, Ids, ada
from tests.usecases.world import World


async def _notifications(world: World, n: int) -> Ids:
    owner = await ada(world)
    for _ in range(n):
        await notify(world.ctx, [owner.user_id], "mentioned", {"tweetId": new_id()}, new_id())
    return [one.id for one in await world.ctx.of(Notification).find({"userId": owner.user_id})]


async def _bob(world: World) -> str:
    found = await world.ctx.users.find_one({"username": "bob"})
    return found.id if found else (await world.person("bob")).user_id


async def _text(world: World) -> Fields:
    return {"receiverUserId": await _bob(world), "content": "Good morning!"}


async def _messages(world: World, n: int) -> Ids:
    owner, to = await ada(world), await _bob(world)
    texts = [{"receiver_user_id": to, "content": f"m{i}"} for i in range(n)]
    return [(await direct_messages.create(world.ctx, owner, one)).id for one in texts]


async def _with_bob(world: World) -> str:
    return f"/messages?with={await _bob(world)}"


CASES = {
    "/notifications": Case(NOTIFICATIONS, _notifications, {"isRead": True}, private=True),
    "/messages": Case(
        DIRECT_MESSAGES, _messages, {"isRead": True}, body=_text, place=_with_bob, private=True, changer="bob"
    ),
}
