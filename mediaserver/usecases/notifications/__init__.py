"""Notifications and announcements."""
