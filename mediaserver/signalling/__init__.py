"""Live sessions over Socket.IO: connections, budgets, messages and their handlers."""
