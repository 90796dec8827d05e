"""What the SFU reads of H.264, VP8 and Opus payloads."""
