"""What the HTTP shell is given when it is composed, and who sends a request."""
