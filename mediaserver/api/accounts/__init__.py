"""Routes of accounts and signing in."""
