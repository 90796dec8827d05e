"""Building blocks of signing in: passwords, attempt limits, tokens, known devices and mail templates."""
