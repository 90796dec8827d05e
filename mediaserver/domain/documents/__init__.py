"""The base of stored documents: fields, ids, policies and the acting user."""
