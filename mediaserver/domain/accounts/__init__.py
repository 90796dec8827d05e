"""User accounts, usernames and known devices."""
