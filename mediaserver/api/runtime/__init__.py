"""What the HTTP API gets from the composition root, and how it identifies the sender of a request."""
