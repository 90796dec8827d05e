"""Estimates of bandwidth, simulcast layers, keyframes and active speakers."""
