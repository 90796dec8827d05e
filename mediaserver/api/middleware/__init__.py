"""Middlewares: limits, security headers, CORS and measurements for every request."""
