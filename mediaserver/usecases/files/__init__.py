"""Access to the bytes of uploads and recordings by signed URL."""
