"""Parts of signing in: passwords, attempts, tokens, devices and mails."""
