"""Realtime media and session server for live teaching."""

from mediaserver.base.processes import waiting

waiting.install()
