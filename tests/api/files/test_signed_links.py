"""Links to files end with the login that they were made for: requests with them are refused, and responses under
way are cut off. Other devices' links go on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mediaserver.api.runtime.services import SERVICES
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.recordings import Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.usecases.accounts import email_verification, identity, logins, password_changes
from mediaserver.usecases.events import Events
from mediaserver.usecases.files.file_transfers import FileTransfers
from mediaserver.usecases.learning import enrollments
from mediaserver.usecases.login.revocations import Watch
from mediaserver.usecases.personal_data import erasure
from mediaserver.usecases.sessions import participants, recordings
from mediaserver.usecases.uploads import uploads
from tests.api.served import Client, served
from tests.store.conftest import engine, shared_server, uri
from tests.usecases import school
from tests.usecases.pictures import encoded, quarters
from tests.usecases.sessions.test_recordings import recorded, recorded_in
from tests.usecases.stored_context import upload
from tests.usecases.world import PASSWORD, World, open_world

pytestmark = pytest.mark.slow

__all__ = ["engine", "shared_server", "uri"]

LARGE = 24 << 20
"""More than the kernel buffers for a client that does not read."""


@dataclass(slots=True)
class Device:
    """One login of Anna's, with links to a picture and to a recording."""

    login: identity.SignedIn
    picture: str
    recording: str

    @property
    def actor(self) -> Actor:
        return self.login.actor


class Site:
    """A server, and Anna with two devices."""

    def __init__(self, world: World, client: Client) -> None:
        self.world, self.ctx, self.client = world, world.ctx, client
        self.transfers: FileTransfers = client.app[SERVICES].transfers
        self.recording: Recording

    async def device(self) -> Device:
        login = await identity.login(self.ctx, "anna", PASSWORD, "192.0.2.1")
        (picture,) = await self.ctx.uploads.find({"ownerUserId": login.user.id})
        url = str(uploads.describe(self.ctx, login.actor, picture)["url"])
        return Device(login, url, await self.watch_url(login.actor))

    async def watch_url(self, actor: Actor) -> str:
        (wire,) = await recordings.describe(self.ctx, actor, [self.recording])
        return str(wire["videoFileUrl"])

    async def status(self, url: str, **headers: str) -> int:
        async with self.client.get(url, headers=headers) as answer:
            if answer.status >= 400:
                problem = await answer.json()
                assert answer.content_type == "application/problem+json" and problem["detail"].endswith(".")
            return answer.status

    async def works(self, device: Device) -> list[bool]:
        """Whether the device's links work: a picture, and the part of a recording."""
        parts = [(device.picture, "bytes=0-9"), (device.recording, "bytes=0-9")]
        return [await self.status(url, Range=part) == 206 for url, part in parts]


@pytest.fixture
async def site(uri: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_world(uri, tmp_path) as world, served(world.ctx) as client:
        site = Site(world, client)
        await identity.create_user(world.ctx, "anna", "anna@example.org", PASSWORD, "student")
        anna = (await identity.login(world.ctx, "anna", PASSWORD, "192.0.2.1")).actor
        teacher = await world.person("teacher", "instructor")
        site.recording = await recorded(world, teacher, anna)
        assert site.recording.object_key is not None
        await world.ctx.objects.put_bytes(site.recording.object_key, bytes(LARGE), "video/mp4")

        async def picture() -> AsyncIterator[bytes]:
            yield encoded(quarters(64, 64), "PNG")

        await uploads.create(world.ctx, anna, "a.png", picture())
        yield site


async def is_cut(answer: aiohttp.ClientResponse) -> bool:
    """Whether the rest of the body does not come."""
    try:
        await answer.read()
    except aiohttp.ClientError:
        return True
    return False


async def log_out(site: Site, device: Device) -> None:
    await identity.logout(site.ctx, device.login.refresh_token)


async def end_the_login(site: Site, device: Device) -> None:
    await identity.end_login(site.ctx, await site.ctx.logins.get(device.actor.login_id))


async def forget_the_device(site: Site, device: Device) -> None:
    login = await site.ctx.logins.get(device.actor.login_id)
    assert login.device_id is not None
    await logins.forget_device(site.ctx, device.actor, login.device_id)


async def use_a_refresh_token_twice(site: Site, device: Device) -> None:
    fresh = await identity.refresh(site.ctx, device.login.refresh_token)
    await identity.refresh(site.ctx, fresh.refresh_token)
    with pytest.raises(identity.Unauthenticated):
        await identity.refresh(site.ctx, device.login.refresh_token)


async def change_the_password_elsewhere(site: Site, device: Device) -> None:
    elsewhere = await identity.login(site.ctx, "anna", PASSWORD, "192.0.2.1")
    await password_changes.change(site.ctx, elsewhere.actor, PASSWORD, "a better one")


async def set_the_password_by_command(site: Site, device: Device) -> None:
    await password_changes.set_password(site.ctx, device.actor.user_id, "a better one")


async def confirm_another_address(site: Site, device: Device) -> None:
    user = await site.ctx.users.update(device.actor.user_id, set={"pendingEmail": "new@example.org"})
    await email_verification.confirm_by_operator(site.ctx, user)


async def log_out_everywhere(site: Site, device: Device) -> None:
    await identity.end_all_logins(site.ctx, device.actor.user_id)


async def deactivate(site: Site, device: Device) -> None:
    await identity.set_active(site.ctx, device.actor.user_id, False)


async def delete_the_account(site: Site, device: Device) -> None:
    await erasure.erase(site.ctx, device.actor, await site.ctx.users.get(device.actor.user_id))


End = Callable[[Site, Device], Awaitable[None]]
ENDS: list[tuple[End, bool]] = [
    (log_out, False),
    (end_the_login, False),
    (forget_the_device, False),
    (use_a_refresh_token_twice, False),
    (change_the_password_elsewhere, True),
    (set_the_password_by_command, True),
    (confirm_another_address, True),
    (log_out_everywhere, True),
    (deactivate, True),
    (delete_the_account, True),
]
"""Ways to end a login, and whether they end all of the person's."""


@pytest.mark.parametrize(("end", "everywhere"), ENDS, ids=lambda value: getattr(value, "__name__", ""))
async def test_links_and_running_responses_end_with_their_login(site: Site, end: End, everywhere: bool) -> None:
    phone, laptop = await site.device(), await site.device()
    assert await site.works(phone) == await site.works(laptop) == [True, True]
    async with site.client.get(phone.recording) as mine, site.client.get(laptop.recording) as other:
        await mine.content.readexactly(1000)
        await other.content.readexactly(1000)
        await end(site, phone)
        assert await is_cut(mine)
        assert await site.works(phone) == [False, False]
        assert await site.works(laptop) == [not everywhere, not everywhere]
        assert await is_cut(other) is everywhere


async def test_what_ends_on_another_server_is_noticed(site: Site) -> None:
    """Even when no event of it arrives: the documents say it."""
    elsewhere = Site(replace_events(site.world), site.client)
    watch, phone = Watch(site.ctx), await site.device()
    async with site.client.get(phone.recording) as answer:
        await answer.content.readexactly(1000)
        await log_out_everywhere(elsewhere, phone)
        await watch.look()
        assert await is_cut(answer)


async def test_a_login_that_ended_just_before_a_response_began_is_noticed(site: Site) -> None:
    elsewhere = Site(replace_events(site.world), site.client)
    phone = await site.device()
    async with site.client.get(phone.recording) as answer:
        await answer.content.readexactly(1000)
        await log_out(elsewhere, phone)
        await site.transfers.check()
        assert await is_cut(answer)


def replace_events(world: World) -> World:
    """The same documents, seen by a process of which we hear nothing."""
    return World(replace(world.ctx, events=Events()), world.clock, world._transport)


async def test_the_device_that_changes_the_password_goes_on_with_new_links(site: Site) -> None:
    phone = await site.device()
    await password_changes.change(site.ctx, phone.actor, PASSWORD, "a better one")
    assert await site.works(phone) == [False, False]
    actor = await identity.authenticate(site.ctx, phone.login.access_token)
    assert actor.login_epoch == phone.actor.login_epoch + 1
    assert await site.status(await site.watch_url(actor)) == 200


async def test_refreshing_tokens_changes_no_link(site: Site) -> None:
    phone = await site.device()
    fresh = await identity.refresh(site.ctx, phone.login.refresh_token)
    assert await site.watch_url(fresh.actor) == phone.recording
    assert await site.works(phone) == [True, True]


async def test_a_link_of_an_earlier_version_asks_for_a_new_one(site: Site) -> None:
    phone = await site.device()
    signer, now = site.ctx.signer, site.ctx.clock()
    old = signer.url(site.recording.object_key or "", replace(phone.actor.link_holder, login=""), now, 900)
    async with site.client.get(old) as answer:
        assert (answer.status, (await answer.json())["code"]) == (403, "expired")


# ------------------------------------------------------------------------------------------ playback


async def test_playback_must_start_in_time(site: Site) -> None:
    phone = await site.device()
    site.world.clock.pass_s(901)
    async with site.client.get(phone.recording) as answer:
        problem: dict[str, Any] = await answer.json()
    assert (answer.status, problem["code"]) == (403, "expired")
    assert "Ask for the recording again." in problem["detail"]


async def test_a_player_that_seeks_for_two_hours_keeps_its_link(site: Site) -> None:
    phone = await site.device()
    site.world.clock.pass_s(14 * 60 - 1)
    async with site.client.head(phone.recording) as answer:
        assert answer.status == 200
        etag = answer.headers["ETag"]
    for minute in range(0, 120, 5):
        site.world.clock.pass_s(300)
        start = minute * 100_000
        part = {"Range": f"bytes={start}-{start + 99}", "If-Range": etag}
        async with site.client.get(phone.recording, headers=part) as answer:
            assert (answer.status, len(await answer.read())) == (206, 100)


async def test_playback_lasts_four_hours_at_most(site: Site) -> None:
    phone = await site.device()
    for _ in range(4 * 60 // 20):
        assert await site.status(phone.recording, Range="bytes=0-9") == 206
        site.world.clock.pass_s(20 * 60)
    assert await site.status(phone.recording, Range="bytes=0-9") == 403


async def test_playback_that_pauses_for_too_long_needs_a_new_link(site: Site) -> None:
    phone = await site.device()
    assert await site.status(phone.recording, Range="bytes=0-9") == 206
    site.world.clock.pass_s(1801)
    assert await site.status(phone.recording, Range="bytes=0-9") == 403
    assert await site.status(await site.watch_url(phone.actor), Range="bytes=5-9") == 206


async def test_a_grant_is_for_one_recording_one_login_and_links_of_one_time(site: Site) -> None:
    phone, laptop = await site.device(), await site.device()
    site.world.clock.pass_s(120)
    later = await site.watch_url(phone.actor)
    assert await site.status(phone.recording, Range="bytes=0-9") == 206
    site.world.clock.pass_s(1000)
    assert [await site.status(url, Range="bytes=0-9") for url in (phone.recording, laptop.recording, later)] == [
        206, 403, 403,
    ]  # fmt: skip


async def test_an_open_response_keeps_playback_alive_only_while_bytes_flow(site: Site) -> None:
    phone = await site.device()
    async with site.client.get(phone.recording) as answer:
        for _ in range(3):
            await answer.content.readexactly(1 << 20)
            site.world.clock.pass_s(1500)
            await site.transfers.check()
        site.world.clock.pass_s(1801)
        await site.transfers.check()
        await site.transfers.check()
        assert await is_cut(answer)


async def remove_from_the_session(site: Site, phone: Device) -> None:
    stay = await site.ctx.participants.find_one({"userId": phone.actor.user_id})
    assert stay is not None
    await participants.remove(site.ctx, stay.id, site.world.clock.now)


async def delete_the_recording(site: Site, phone: Device) -> None:
    await site.ctx.recordings.delete(site.recording.id)


async def delete_the_session(site: Site, phone: Device) -> None:
    await site.ctx.of(Session).delete(site.recording.session_id)


@pytest.mark.parametrize("lose", [remove_from_the_session, delete_the_recording, delete_the_session])
async def test_losing_the_right_ends_requests_and_running_responses(
    site: Site, lose: Callable[[Site, Device], Awaitable[None]]
) -> None:
    phone = await site.device()
    async with site.client.get(phone.recording) as answer:
        await answer.content.readexactly(1000)
        await site.transfers.check()
        await lose(site, phone)
        assert await site.works(phone) == [True, False]
        await site.transfers.check()
        assert await is_cut(answer)


async def test_removal_from_a_course_ends_its_running_files_and_recordings(site: Site) -> None:
    world, anna = site.world, (await site.device()).actor
    nora = await world.person("nora", "instructor")
    course = await school.course(world, nora)
    enrollment = await school.enroll(world, anna, course)
    session = await world.live_session(nora, course_id=course.id)
    film = await recorded_in(world, session, nora, anna)
    paper = await upload(site.ctx, nora)
    level = await school.level(world, nora, course)
    await school.lesson(world, nora, level, content=[school.block(paper.id, "file")])
    await site.ctx.objects.put_bytes(film.object_key or "", bytes(LARGE), "video/mp4")
    await site.ctx.objects.put_bytes(paper.object_key, bytes(LARGE), "image/png")
    (wire,) = await recordings.describe(site.ctx, anna, [film])
    urls = [str(wire["videoFileUrl"]), str(uploads.describe(site.ctx, anna, paper)["url"])]
    part = {"Range": "bytes=5-"}
    async with (
        site.client.get(urls[0], headers=part) as played,
        site.client.get(urls[1], headers=part) as saved,
    ):
        for answer in (played, saved):
            assert answer.status == 206
            await answer.content.readexactly(1000)
        await site.transfers.check()
        await enrollments.remove(site.ctx, nora, enrollment)
        await site.transfers.check()
        assert [await is_cut(played), await is_cut(saved)] == [True, True]
    assert [await site.status(url) for url in urls] == [403, 403]


async def test_a_response_whose_right_stands_is_sent_to_its_end(site: Site) -> None:
    phone = await site.device()
    async with site.client.get(phone.recording) as answer:
        await answer.content.readexactly(1000)
        await site.transfers.check()
        assert len(await answer.read()) == LARGE - 1000
    await site.transfers.check()
    assert not site.transfers.count


async def test_a_second_recording_needs_playback_of_its_own(site: Site) -> None:
    phone = await site.device()
    session = await site.ctx.sessions.get(site.recording.session_id)
    teacher = await site.world.person("head", "admin")
    again = await recorded_in(site.world, session, teacher, phone.actor)
    await site.ctx.objects.put_bytes(again.object_key or "", b"film", "video/mp4")
    (wire,) = await recordings.describe(site.ctx, phone.actor, [again])
    assert await site.status(phone.recording, Range="bytes=0-9") == 206
    site.world.clock.pass_s(1000)
    assert await site.status(wire["videoFileUrl"]) == 403
