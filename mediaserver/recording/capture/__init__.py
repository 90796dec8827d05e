"""Capturing packets into journals on disk, and the process that does it."""
