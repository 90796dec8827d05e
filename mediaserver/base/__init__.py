"""What every layer may use: settings, errors, ids, clock, logs, child processes. Imports nothing above it."""
