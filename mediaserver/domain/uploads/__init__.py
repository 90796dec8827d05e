"""Uploaded files: their documents, types and metadata."""
