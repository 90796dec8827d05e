from mediaserver.api.learning.skill_resources import SKILLS
from mediaserver.api.social.follow_resources import FOLLOWS
from mediaserver.api.social.safety_resources import BLOCKS, REPORTS
from mediaserver.api.social.tweet_resources import COMMENTS, TWEETS
from mediaserver.base.ids import new_id
from mediaserver.domain.learning.skills import Skill
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.usecases.social import blocks, comments, follows, reports, tweets
from mediaserver.usecases.writes import settling
from tests.api.cases import Case, Fields, Ids, ada
from tests.usecases.world import World


async def _skill(world: World) -> Fields:
    return {"name": f"Skill {new_id()}"}


async def _skills(world: World, n: int) -> Ids:
    made = [await _skill(world) for _ in range(n)]
    skills = [Skill(**world.ctx.stamp(), **fields, **Skill.derived(fields)) for fields in made]
    return [(await settling.add(world.ctx, skill)).id for skill in skills]


async def _somebody(world: World) -> Fields:
    return {"followingUserId": (await world.person(f"p{new_id().lower()}")).user_id}


async def _follows(world: World, n: int) -> Ids:
    owner = await ada(world)
    whom = [(await _somebody(world))["followingUserId"] for _ in range(n)]
    return [(await follows.follow(world.ctx, owner, {"following_user_id": one})).id for one in whom]


async def _tweets(world: World, n: int) -> Ids:
    owner = await ada(world)
    return [(await tweets.post(world.ctx, owner, {"content": Content(text=f"t{i}")})).id for i in range(n)]


async def _tweet_id(world: World) -> str:
    found = await world.ctx.of(Tweet).find_one({"content.text": "commented"})
    if found is None:
        found = await tweets.post(world.ctx, await ada(world), {"content": Content(text="commented")})
    return found.id


async def _comments(world: World, n: int) -> Ids:
    owner, tweet_id = await ada(world), await _tweet_id(world)
    said = [{"content": Content(text=f"c{i}"), "tweet_id": tweet_id} for i in range(n)]
    return [(await comments.post(world.ctx, owner, one)).id for one in said]


async def _comments_path(world: World) -> str:
    return f"/tweets/{await _tweet_id(world)}/comments"


async def _blocked(world: World) -> Fields:
    return {"blockedUserId": (await _somebody(world))["followingUserId"]}


async def _blocks(world: World, n: int) -> Ids:
    owner = await ada(world)
    whom = [(await _blocked(world))["blockedUserId"] for _ in range(n)]
    return [(await blocks.block(world.ctx, owner, {"blocked_user_id": one})).id for one in whom]


async def _reported(world: World) -> Fields:
    return {"targetKind": "user", "targetId": (await _somebody(world))["followingUserId"], "reason": "Shouts."}


async def _reports(world: World, n: int) -> Ids:
    owner, bodies = await ada(world), [await _reported(world) for _ in range(n)]
    given = [{"target_kind": "user", "target_id": body["targetId"], "reason": "Shouts."} for body in bodies]
    return [(await reports.report(world.ctx, owner, one)).id for one in given]


SAID: Fields = {"content": {"text": "Parallels never meet."}}
CASES = {
    "/skills": Case(SKILLS, _skills, {"description": "Solving."}, body=_skill, role="admin"),
    "/follows": Case(FOLLOWS, _follows, body=_somebody),
    "/tweets": Case(TWEETS, _tweets, SAID),
    "/comments": Case(COMMENTS, _comments, SAID, place=_comments_path),
    "/blocks": Case(BLOCKS, _blocks, body=_blocked, private=True),
    "/reports": Case(REPORTS, _reports, {"status": "resolved"}, body=_reported, role="admin", private=True),
}
