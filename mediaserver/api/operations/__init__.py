"""Routes for operators and browsers: health, metrics, security.txt and pages."""
