"""Indexes and the plans that use them."""
