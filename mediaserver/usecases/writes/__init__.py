"""Writes that span several documents, without transactions."""
