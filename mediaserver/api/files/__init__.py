"""Routes that serve the bytes of uploads and recordings."""
