"""Filters, paths, projections, updates and the order of BSON values."""
