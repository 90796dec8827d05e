"""Real browsers behind one small interface: Chromium through Playwright, Firefox through WebDriver BiDi."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import websockets
from playwright.async_api import Browser, async_playwright
from playwright.async_api import Page as PlaywrightPage

KIT = (Path(__file__).parent / "kit.js").read_text()
CHROMIUM_FLAGS = [
    "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--disable-background-networking", "--disable-component-update", "--disable-quic", "--no-first-run",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--autoplay-policy=no-user-gesture-required", "--disable-backgrounding-occluded-windows",
    "--auto-select-desktop-capture-source=Entire screen", "--allow-loopback-in-peer-connection",
]  # fmt: skip
FIREFOX_PREFS = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True,
    # Only pages that may capture use more than the default route's address; these run on loopback.
    "permissions.default.camera": 1,
    "permissions.default.microphone": 1,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.autoplay.block-webaudio": False,
    "remote.active-protocols": 1,
    "remote.experimental.enabled": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.update.disabledForTesting": True,
    "app.normandy.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "extensions.systemAddon.update.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "dom.min_background_timeout_value": 10,
}


class Page(Protocol):
    """One tab. `call` runs `async (arg) => …` in the page and gives its JSON result."""

    async def goto(self, url: str) -> None: ...
    async def call(self, function: str, arg: Any = None, timeout_s: float = 60) -> Any: ...
    async def close(self) -> None: ...


class ChromiumPage:
    def __init__(self, page: PlaywrightPage) -> None:
        self.page = page

    async def goto(self, url: str) -> None:
        await self.page.goto(url)
        await self.page.evaluate(KIT)

    async def call(self, function: str, arg: Any = None, timeout_s: float = 60) -> Any:
        return await asyncio.wait_for(self.page.evaluate(function, arg), timeout_s)

    async def close(self) -> None:
        await self.page.context.close()


class Chromium:
    """One browser process; every page gets a context of its own (its own storage and sign-in)."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, *flags: str) -> AsyncIterator["Chromium"]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=[*CHROMIUM_FLAGS, *flags]
            )
            try:
                yield cls(browser)
            finally:
                await browser.close()

    async def page(self, **context: Any) -> ChromiumPage:
        opened = await self.browser.new_context(**context)
        return ChromiumPage(await opened.new_page())


class FirefoxError(Exception):
    pass


class FirefoxPage:
    def __init__(self, firefox: "Firefox", context: str) -> None:
        self._firefox, self._context = firefox, context

    async def goto(self, url: str) -> None:
        await self._firefox.command(
            "browsingContext.navigate", {"context": self._context, "url": url, "wait": "complete"}
        )
        await self.call(f"() => {{ {KIT} }}")

    async def call(self, function: str, arg: Any = None, timeout_s: float = 60) -> Any:
        wrapped = f"async () => JSON.stringify(await ({function})({json.dumps(arg)}))"
        answer = await self._firefox.command(
            "script.callFunction",
            {"functionDeclaration": wrapped, "awaitPromise": True, "target": {"context": self._context},
             "userActivation": True},
            timeout_s,
        )  # fmt: skip
        if answer["type"] == "exception":
            raise FirefoxError(answer["exceptionDetails"]["text"])
        value = answer["result"].get("value")
        return None if value is None else json.loads(value)

    async def close(self) -> None:
        await self._firefox.command("browsingContext.close", {"context": self._context})


class Firefox:
    """One headless Firefox; every page gets a user context of its own."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls) -> AsyncIterator["Firefox"]:
        profile = Path(tempfile.mkdtemp(prefix="firefox-"))
        prefs = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in FIREFOX_PREFS.items()]
        (profile / "user.js").write_text("\n".join(prefs))
        sound = await _silent_sound_server(profile)
        process = await asyncio.create_subprocess_exec(
            "firefox-esr", "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "MOZ_DISABLE_CONTENT_SANDBOX": "1", "HOME": str(profile),
                 "PULSE_SERVER": f"unix:{profile}/pulse"},
            start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None
        draining = None
        try:
            url = await asyncio.wait_for(_bidi_url(process.stderr), 60)
            draining = asyncio.create_task(_drain(process.stderr))
            async with websockets.connect(f"{url}/session", max_size=None) as socket:
                firefox = cls(socket)
                reading = asyncio.create_task(firefox._read())
                await firefox.command("session.new", {"capabilities": {}})
                yield firefox
                with contextlib.suppress(FirefoxError, TimeoutError, websockets.ConnectionClosed):
                    await firefox.command("browser.close", {}, 10)
                reading.cancel()
        finally:
            await _end(process)
            await _end(sound)
            if draining:
                draining.cancel()
            shutil.rmtree(profile, ignore_errors=True)

    async def page(self) -> FirefoxPage:
        user = await self.command("browser.createUserContext", {})
        opened = await self.command("browsingContext.create", {"type": "tab", "userContext": user["userContext"]})
        return FirefoxPage(self, opened["context"])

    async def command(self, method: str, params: dict[str, Any], timeout_s: float = 60) -> dict[str, Any]:
        number = next(self._ids)
        future = self._pending[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        try:
            answer = await asyncio.wait_for(future, timeout_s)
        finally:
            self._pending.pop(number, None)
        if answer["type"] == "error":
            raise FirefoxError(f"{method}: {answer['error']}: {answer['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            future = self._pending.get(message.get("id"))
            if future and not future.done():
                future.set_result(message)


async def _silent_sound_server(folder: Path) -> asyncio.subprocess.Process:
    """PulseAudio with a sink that leads nowhere: without a sound device Firefox runs no AudioContext."""
    process = await asyncio.create_subprocess_exec(
        "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm",
        "-L", "module-null-sink", "-L", f"module-native-protocol-unix auth-anonymous=1 socket={folder}/pulse",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder), "PULSE_RUNTIME_PATH": str(folder)}, start_new_session=True,
    )  # fmt: skip
    deadline = asyncio.get_running_loop().time() + 20
    while not (folder / "pulse").exists():
        if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
            raise FirefoxError("pulseaudio does not start")
        await asyncio.sleep(0.05)
    return process


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _bidi_url(stderr: asyncio.StreamReader) -> str:
    said = []
    async for line in stderr:
        said.append(line.decode(errors="replace"))
        if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", said[-1]):
            return found[1]
    raise FirefoxError("Firefox ended at once:\n" + "".join(said))


async def _drain(stderr: asyncio.StreamReader) -> None:
    while await stderr.read(65536):
        pass
