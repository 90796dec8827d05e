"""Exporting and erasing everything that belongs to one user."""
