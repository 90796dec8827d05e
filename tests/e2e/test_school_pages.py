"""The school around the room as people use it: what they say, learn and write; on a phone, without a mouse."""

import io
import sys
import zipfile
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.server import Person, Server, wait_until
from tests.e2e.test_pages import LONG, PICTURE, fits
from tests.e2e.visitor import PHONE, Visit, Visitor, visit

__all__ = ["visit"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]

HOSTILE = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>'


async def give_role(server: Server, person: Person, role: str) -> None:
    """As the operator does, on the running server."""
    process = await create_subprocess_exec(
        sys.executable, "-m", "mediaserver", "set-role", person.user["username"], role,
        "--data.dir", str(server.data), stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    said, complained = await process.communicate()
    assert process.returncode == 0, said + complained
    person.user["role"] = role


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def teacher(server: Server) -> Any:
    async with aiohttp.ClientSession() as http:
        grace = await Person.register(http, server.url, "grace")
        await give_role(server, grace, "instructor")
        yield grace


async def a_course(teacher: Person, code: str, *titles: str, content: Any = ()) -> dict[str, Any]:
    """Published, with one level; `lessons` are theirs."""
    course = await teacher.post("/courses", {"courseCode": code, "title": f"Course {code}", "published": True})
    level = await teacher.post(f"/courses/{course['id']}/levels", {"title": "Beginnings"})
    path, body = f"/levels/{level['id']}/lessons", {"content": list(content)}
    lessons = [await teacher.post(path, {"title": title, **body}) for title in titles]
    return {**course, "lessons": lessons}


async def picture(visitor: Visitor, name: str) -> Any:
    return {"name": name, "mimeType": "image/png", "buffer": bytes(await visitor.page.evaluate(PICTURE))}


@pytest.mark.keyboard
async def test_a_picture_reaches_the_follower_and_its_like_the_author(
    visit: Visit, server: Server, http: aiohttp.ClientSession
) -> None:
    ada, eve = [await Person.register(http, server.url, name) for name in ("ada", "eve")]
    author, follower = await visit(), await visit()
    await author.arrive(ada)
    await follower.arrive(eve, f"/people/{ada.user['id']}")
    await follower.button("Follow ada").click()
    await author.page.get_by_role("link", name="Notifications, 1 unread").wait_for()
    await author.page.get_by_text("eve now follows you.").wait_for()

    await author.page.get_by_label("What do you want to say?").fill(
        "Look, @eve: my board! #Board https://example.org/"
    )
    await author.page.locator("input[type=file]").set_input_files(await picture(author, "board.png"))
    await author.page.locator(".picked-item img").wait_for()
    await author.button("Post").click()
    await author.page.locator(".tweet").get_by_text("my board!").wait_for()

    await follower.go("/home")
    tweet = follower.page.locator(".tweet", has_text="my board!")
    image = tweet.get_by_role("img", name="board.png")
    await wait_until(
        lambda: image.evaluate("(image) => image.naturalWidth > 0"), 10, "the picture is there for eve"
    )
    await tweet.get_by_role("link", name="@eve").wait_for()
    await tweet.get_by_role("button", name="Like, 0 likes").click()
    await tweet.get_by_role("button", name="Like, 1 like", pressed=True).wait_for()
    await author.page.get_by_text("eve liked your tweet.").wait_for()
    await author.page.get_by_role("link", name="Notifications, 2 unread").wait_for()

    await tweet.get_by_role("button", name="Show picture: board.png").click()
    whole = follower.page.get_by_role("dialog").get_by_role("img")
    await wait_until(lambda: whole.evaluate("(image) => image.naturalWidth === 640"), 10, "and opens whole")
    await follower.page.keyboard.press("Escape")

    await tweet.get_by_role("link", name="0 comments").click()
    await follower.page.get_by_label("Write a comment").fill("Beautiful!")
    await follower.button("Comment").click()
    await follower.page.get_by_role("list", name="Comments").get_by_text("Beautiful!").wait_for()
    await follower.page.go_back()
    await tweet.get_by_role("button", name="Like, 1 like", pressed=True).wait_for()
    await tweet.get_by_role("link", name="#Board").click()
    await follower.page.get_by_role("heading", name="#board").wait_for()
    await follower.page.locator(".tweet", has_text="my board!").wait_for()

    await author.page.get_by_role("link", name="Notifications, 3 unread").click()
    await author.page.get_by_role("heading", name="Today").wait_for()
    await author.page.get_by_role("link", name="eve commented on your tweet. Beautiful!").click()
    await author.page.get_by_role("list", name="Comments").get_by_text("Beautiful!").wait_for()
    await author.page.get_by_role("link", name="Notifications, 2 unread").wait_for()
    await author.go("/notifications")
    await author.button("Mark all read").click()
    await author.page.get_by_role("link", name="Notifications", exact=True).wait_for()


async def test_a_course_is_made_taken_and_completed(
    visit: Visit, server: Server, http: aiohttp.ClientSession, teacher: Person
) -> None:
    student = await Person.register(http, server.url, "mia")
    desk, learner = await visit(), await visit()
    page = desk.page
    await desk.arrive(teacher, "/courses/teaching")
    await page.get_by_role("link", name="New course").click()
    await page.get_by_label("Title").fill("Fractions")
    await page.get_by_label("Code").fill("FRAC-1")
    await desk.button("Create").click()
    await page.get_by_label("New level").fill("Halves")
    await desk.button("Add the first level").click()
    await page.get_by_label("New lesson").fill("Cutting a cake")
    await desk.button("Add lesson").click()
    await page.get_by_role("heading", name="Edit lesson").wait_for()
    await desk.button("Add a part").click()
    await page.get_by_role("menuitem", name="Formatted text").click()
    await page.get_by_label("Text", exact=True).fill("# Cake\n\nA **half** is one of two parts.")
    await desk.button("Add a part").click()
    await page.get_by_role("menuitem", name="Question").click()
    await page.get_by_label("Question", exact=True).fill("Which is larger?")
    await page.get_by_label("Answer 1", exact=True).fill("A third")
    await page.get_by_label("Answer 2", exact=True).fill("A half")
    await page.get_by_label("Answer 1 is right").uncheck()
    await page.get_by_label("Answer 2 is right").check()
    await desk.button("Save").click()
    await page.get_by_text("The lesson is saved.").wait_for()
    await page.get_by_role("link", name="Fractions").click()
    await page.get_by_role("switch", name="Published").check()
    await page.get_by_text("The course is published.").wait_for()

    await learner.arrive(student, "/courses")
    await learner.page.get_by_label("Search courses").fill("fractions")
    await learner.page.get_by_role("link", name="Fractions").click()
    await learner.button("Enroll").click()
    await learner.page.get_by_role("link", name="Begin").click()
    await learner.page.get_by_role("heading", name="Cake", exact=True).wait_for()
    assert await learner.page.locator(".markdown strong").text_content() == "half"
    await learner.page.get_by_label("A third").check()
    await learner.button("Check").click()
    await learner.page.get_by_text("Not quite. Try again.").wait_for()
    await learner.page.get_by_label("A half").check()
    await learner.button("Check").click()
    await learner.page.get_by_text("Right!").wait_for()
    await wait_until(lambda: status_of(student), 5, "opening the lesson began it")
    await learner.button("Mark as completed").click()
    await learner.page.get_by_text("You completed this lesson.").wait_for()
    await learner.page.get_by_text("You completed the whole course. Well done!").wait_for()
    await learner.go("/courses/mine")
    await learner.page.get_by_role("link", name="Fractions").get_by_text("100 %").wait_for()

    await page.get_by_role("link", name="View").click()
    await page.get_by_role("link", name="Students").click()
    await page.get_by_role("listitem").filter(has_text="mia").get_by_text("100 %").wait_for()


async def status_of(student: Person) -> bool:
    found = await student.get("/progress")
    return [one["completionStatus"] for one in found["items"]] == ["in-progress"]


async def test_work_is_handed_in_and_graded(
    visit: Visit, server: Server, http: aiohttp.ClientSession, teacher: Person
) -> None:
    noah = await Person.register(http, server.url, "noah")
    course = await a_course(teacher, "WORK-1", "Drawing")
    await noah.post("/enrollments", {"courseId": course["id"]})
    desk, learner = await visit(), await visit()
    await learner.arrive(noah)
    await desk.arrive(teacher, f"/lessons/{course['lessons'][0]['id']}")
    await desk.button("New assignment").click()
    await desk.page.get_by_label("Title").fill("Three quarters")
    await desk.page.get_by_label("What is to be done").fill("Draw them.")
    await desk.page.get_by_label("Deadline").fill("2090-05-01T12:00")
    await desk.button("Post").click()
    await desk.page.get_by_role("link", name="Three quarters").wait_for()

    await learner.page.get_by_text("There is a new assignment: Three quarters.").wait_for()
    await learner.button("Open").click()
    await learner.page.get_by_label("Your answer").fill("I folded the paper twice.")
    await learner.button("Hand in").click()
    await learner.page.get_by_text("Your work is handed in.").wait_for()
    await learner.button("Hand in something else").click()
    await learner.page.get_by_label("Your answer").fill("I folded the paper twice and cut one part off.")
    await learner.button("Hand in").click()
    await learner.page.get_by_text("cut one part off").wait_for()

    await desk.page.get_by_role("link", name="Three quarters").click()
    await desk.page.get_by_text("cut one part off").wait_for()
    await desk.page.get_by_label("Score of noah, of 100").fill("92")
    await desk.page.get_by_label("Feedback for noah").fill("Well folded.")
    await desk.button("Grade").click()
    await desk.page.get_by_text("noah got 92 of 100.").wait_for()
    await learner.page.get_by_text("Your work on “Three quarters” was graded.").wait_for()
    await learner.page.reload()
    await learner.page.get_by_text("Well folded.").wait_for()


@pytest.mark.keyboard
async def test_a_message_arrives_in_the_other_browser(
    visit: Visit, server: Server, http: aiohttp.ClientSession
) -> None:
    ben, lena = [await Person.register(http, server.url, name) for name in ("ben", "lena")]
    here, there = await visit(), await visit()
    await here.arrive(ben, f"/people/{lena.user['id']}")
    await there.arrive(lena)
    await here.page.get_by_role("link", name="Write to lena").click()
    await here.page.get_by_label("Write a message").fill("Shall we study together?")
    await here.page.keyboard.press("Enter")
    await there.page.get_by_text("ben wrote to you.").wait_for()
    await there.page.get_by_role("link", name="Messages, 1 unread").click()
    await there.page.get_by_role("link", name="Shall we study together?").click()
    await there.page.get_by_role("log").get_by_text("Shall we study together?").wait_for()
    await here.page.locator(".message.seen").wait_for()
    await there.page.get_by_role("link", name="Messages", exact=True).wait_for()

    await there.page.get_by_label("Write a message").fill("Yes!")
    await there.button("Send").click()
    await here.page.get_by_role("log").get_by_text("Yes!").wait_for()
    await there.page.locator("input[type=file]").set_input_files(await picture(there, "plan.png"))
    image = here.page.get_by_role("img", name="plan.png")
    await wait_until(
        lambda: image.evaluate("(image) => image.naturalWidth > 0"), 10, "the picture is there for ben"
    )

    await here.page.context.set_offline(True)
    await here.page.get_by_label("Write a message").fill("sent while away")
    await here.page.keyboard.press("Enter")
    await here.page.context.set_offline(False)
    await there.page.get_by_role("log").get_by_text("sent while away").wait_for()
    assert await there.page.get_by_role("log").get_by_text("sent while away").count() == 1
    here.complaints.clear()  # of being offline


async def test_on_a_phone_no_page_is_wider_than_the_screen(
    visit: Visit, server: Server, http: aiohttp.ClientSession, teacher: Person
) -> None:
    word = LONG[-60:]
    zoe, other = [await Person.register(http, server.url, name) for name in ("zoe", "w" * 32)]
    text = {
        "type": "markdown",
        "value": f"# {LONG}\n\n- {LONG}\n\n```\n{LONG * 3}\n```\n\n`{word}` https://example.org/{word}",
    }
    quiz = {"type": "quiz", "value": {"question": LONG, "options": [LONG, word], "answer": 0}}
    course = await a_course(
        teacher, "W" * 32, LONG, content=[text, quiz, {"type": "code", "value": {"source": LONG * 3}}]
    )
    lesson = course["lessons"][0]["id"]
    await zoe.post("/enrollments", {"courseId": course["id"]})
    tweet = await other.post("/tweets", {"content": {"text": f"{LONG} #{word[:60]} @{'w' * 32}"}})
    await zoe.post("/follows", {"followingUserId": other.user["id"]})
    await zoe.post(f"/tweets/{tweet['id']}/comments", {"content": {"text": LONG}})
    await other.post("/messages", {"receiverUserId": zoe.user["id"], "contentType": "Text", "content": LONG})
    phone = await visit(**PHONE)
    await phone.arrive(zoe)
    person = f"/people/{other.user['id']}"
    for path in (
        "/home", f"/tweets/{tweet['id']}", "/search/people", f"/search/tweets/{word}", f"/tag/{word[:60]}",
        person, f"{person}/followers", "/courses", "/courses/mine", f"/courses/{course['id']}",
        f"/lessons/{lesson}", "/messages", f"/messages/{other.user['id']}", "/notifications", "/profile",
        "/sessions", "/recordings",
    ):  # fmt: skip
        await phone.go(path)
        await settled(phone)
        await fits(phone, path)
    desk = await visit(**PHONE)
    await desk.arrive(teacher)
    for path in (
        f"/courses/{course['id']}", f"/courses/{course['id']}/edit", f"/courses/{course['id']}/students",
        f"/lessons/{lesson}/edit", "/courses/new", f"/create/courses/{course['id']}",
    ):  # fmt: skip
        await desk.go(path)
        await settled(desk)
        await fits(desk, path)
    for name in ("Home", "Courses", "Sessions", "Recordings", "Messages"):
        box = (
            await phone.page.get_by_role("navigation", name="Main").get_by_role("link", name=name).bounding_box()
        )
        assert box and box["height"] >= 40 and box["y"] + box["height"] <= 740 and box["x"] + box["width"] <= 360


async def settled(visitor: Visitor) -> None:
    """Nothing on the page is still being asked for."""
    await visitor.page.locator("#main").wait_for()
    await wait_until(lambda: no_spinner(visitor), 10, "the page is loaded")


async def no_spinner(visitor: Visitor) -> bool:
    return await visitor.page.locator("#main .spinner:visible").count() == 0


async def test_a_search_finds_while_one_types(visit: Visit, server: Server, http: aiohttp.ClientSession) -> None:
    nora = await Person.register(http, server.url, "nora.search")
    for text in ("还有可能是定期检修", "Two versions of the proof", "Crème brûlée"):
        await nora.post("/tweets", {"content": {"text": text}})
    visitor = await visit()
    await visitor.arrive(nora)
    await visitor.go("/search/tweets")
    page = visitor.page
    field = page.get_by_role("searchbox", name="Search")
    for typed, found in (
        ("可能", "还有可能"),
        ("vers", "versions"),
        ("version", "versions"),
        ("creme br", "brûlée"),
    ):
        await field.fill("")
        await field.press_sequentially(typed)
        await page.locator(".tweet:only-child", has_text=found).wait_for()
    await field.fill("versions nonsense")
    await page.get_by_text("Try fewer words").wait_for()
    await field.fill(" ".join("abcdefghijklmnopqrstuvwxyz"))
    await page.get_by_text("A search may have at most 20 words.").wait_for()
    visitor.complaints.clear()  # the browser writes about the 422


@pytest.mark.keyboard
async def test_without_a_mouse_one_speaks_likes_and_learns(
    visit: Visit, server: Server, http: aiohttp.ClientSession, teacher: Person
) -> None:
    kim = await Person.register(http, server.url, "kim")
    await teacher.post("/tweets", {"content": {"text": "Welcome, everybody."}})
    await kim.post("/follows", {"followingUserId": teacher.user["id"]})
    course = await a_course(teacher, "KEYS-1", "First")
    visitor = await visit()
    page, keyboard = visitor.page, visitor.page.keyboard
    await visitor.arrive(kim)
    await page.locator(".tweet").wait_for()
    await visitor.tab_to("What do you want to say?")
    await keyboard.type("Typed without a mouse")
    await keyboard.press("Control+Enter")
    await page.locator(".tweet", has_text="Typed without a mouse").wait_for()
    await visitor.tab_to("More about this tweet")
    await keyboard.press("Enter")
    await page.get_by_role("menuitem", name="Copy link").wait_for()
    await keyboard.press("End")
    await keyboard.press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").press("Enter")
    await page.locator(".tweet", has_text="Typed without a mouse").wait_for(state="detached")
    await page.locator(".tweet", has_text="Welcome, everybody.").get_by_role("link", name="grace").focus()
    await visitor.tab_to("Like, 0 likes")
    await keyboard.press("Space")
    await visitor.button("Like, 1 like").wait_for()

    await visitor.go(f"/courses/{course['id']}")
    await visitor.button("Enroll").wait_for()
    await visitor.tab_to("Enroll")
    await keyboard.press("Enter")
    await page.get_by_role("link", name="Begin").wait_for()
    await visitor.tab_to("Begin")
    await keyboard.press("Enter")
    await visitor.button("Mark as completed").wait_for()
    await visitor.tab_to("Mark as completed")
    await keyboard.press("Enter")
    await visitor.button("Mark as not completed").wait_for()
    focused = await page.evaluate("document.activeElement.textContent")
    assert focused == "Mark as not completed", "the focus stays where it was used"
    await visitor.tab_to("Your account: kim")
    await keyboard.press("Enter")
    await page.get_by_role("menuitem", name="Your page").wait_for()
    await keyboard.press("Escape")
    assert await page.evaluate("document.activeElement.ariaLabel") == "Your account: kim"


async def test_what_others_write_is_text_on_every_page(
    visit: Visit, server: Server, http: aiohttp.ClientSession, teacher: Person
) -> None:
    mallory, ivy = [await Person.register(http, server.url, name) for name in ("mallory", "ivy")]
    me, victim = mallory.user["id"], ivy.user["id"]
    profile = {"bio": HOSTILE, "location": HOSTILE, "links": ["https://example.org/<script>"]}
    status, answer = await mallory.request("PATCH", f"/users/{me}", json={"profile": profile})
    assert status == 200, answer
    tweet = await mallory.post("/tweets", {"content": {"text": f"{HOSTILE} @ivy [a](javascript:alert(1))"}})
    await mallory.post("/messages", {"receiverUserId": victim, "contentType": "Text", "content": HOSTILE})
    evil = f"{HOSTILE}\n\n[here](javascript:window.owned=1) <javascript:alert(1)>\n\n- {HOSTILE}"
    blocks = [{"type": "markdown", "value": evil}, {"type": "text", "value": HOSTILE}]
    blocks += [{"type": "quiz", "value": {"question": HOSTILE, "options": [HOSTILE, "b"], "answer": 1}}]
    course = await a_course(teacher, "EVIL-1", HOSTILE, content=blocks)
    await ivy.post("/enrollments", {"courseId": course["id"]})
    visitor = await visit()
    await visitor.arrive(ivy)
    for path, expected in (
        (f"/tweets/{tweet['id']}", "img src=x"), (f"/people/{me}", "img src=x"), (f"/messages/{me}", "img src=x"),
        ("/notifications", "img src=x"), ("/messages", "img src=x"), (f"/courses/{course['id']}", "img src=x"),
        (f"/lessons/{course['lessons'][0]['id']}", "[here](javascript:"),
    ):  # fmt: skip
        await visitor.go(path)
        await visitor.page.locator("#main").get_by_text(expected).first.wait_for()
        made = await visitor.page.evaluate(
            "() => document.querySelectorAll('img[src=x], #main script, [onerror], a[href^=javascript]').length"
        )
        assert made == 0, path
    assert await visitor.page.evaluate("window.owned === undefined")


async def test_one_takes_ones_data_and_goes(
    visit: Visit, server: Server, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    gone = await Person.register(http, server.url, "leaving")
    visitor = await visit()
    page = visitor.page
    await visitor.arrive(gone, "/profile")
    await page.get_by_label("About you").fill("I was here.")
    await page.get_by_label("Place").fill("Bern")
    await page.locator(".picture-field input[type=file]").set_input_files(await picture(visitor, "me.png"))
    await page.locator(".picture-field img").wait_for()
    await visitor.button("Save").click()
    await page.get_by_text("Your profile is saved.").wait_for()
    async with page.expect_download() as downloading:
        await visitor.button("Download my data").click()
    download = await downloading.value
    assert download.suggested_filename.startswith("leaving-")
    await download.save_as(tmp_path / "data.zip")
    with zipfile.ZipFile(io.BytesIO((tmp_path / "data.zip").read_bytes())) as archive:
        assert any("I was here." in archive.read(name).decode(errors="replace") for name in archive.namelist())

    await visitor.button("Delete account").click()
    await visitor.button("Delete my account").click()
    await page.get_by_role("heading", name="Welcome back").wait_for()
    async with http.post(
        f"{server.url}/api/v1/auth/login", json={"login": "leaving", "password": "leaving-password"}
    ) as answer:
        assert answer.status == 401
    visitor.complaints.clear()  # its sockets and tokens ended under it
