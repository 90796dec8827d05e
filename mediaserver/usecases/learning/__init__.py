"""Courses and everything in them."""
