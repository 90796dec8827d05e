"""Forwarding of RTP: tracks, slots, routing and the hot path."""
