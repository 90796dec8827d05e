"""Realtime media and session server for live teaching."""

from mediaserver.base import waiting

waiting.install()
