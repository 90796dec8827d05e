"""The media worker process and the main process's handle of it."""
