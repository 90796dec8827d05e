"""Realtime media and session server for live teaching."""
