"""The web server under the API: accepting connections, their limits and deadlines. It knows no routes."""
