"""Accounts: registration, signing in, email addresses, usernames and password changes."""
