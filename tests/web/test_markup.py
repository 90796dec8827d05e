"""The web client finds the mentions and hashtags that the server finds."""

import json
import subprocess
from pathlib import Path

from playwright._impl._driver import compute_driver_executable

import mediaserver

_APP = Path(mediaserver.__file__).parent / "web" / "app"
_HERE = Path(__file__).parent


def test_the_web_client_finds_what_the_server_finds() -> None:
    node, *_ = compute_driver_executable()
    examples = (_HERE / "markup_examples.json").read_text("utf-8")
    done = subprocess.run(
        [node, _HERE / "markup_examples.mjs", _APP], input=examples, capture_output=True, text=True, check=True
    )
    for example, found in zip(json.loads(examples), json.loads(done.stdout), strict=True):
        assert found == {name: example[name] for name in ("mentions", "hashtags")}, example["text"]
