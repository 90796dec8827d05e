"""Fuzzing of every parser of bytes that a client or another process sends.

Each module in `targets` declares one parser with what must hold for any input. `seeds/<target>` and
`crashes/<target>` are inputs that `test_corpus.py` replays; `python -m tests.fuzz` looks for new ones.
"""
