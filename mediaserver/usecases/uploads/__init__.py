"""Uploads: received, examined, attached to documents, linked to and deleted."""
