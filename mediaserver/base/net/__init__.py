"""Addresses, domain names, proxies and TLS."""
