"""Copies of recorded packets on their way to the egress process."""
