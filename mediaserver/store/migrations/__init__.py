"""Migrations: numbered changes of stored documents, made once per database by whichever server starts first.

To add one: a module `mNNNN_what_it_does.py` with a `Migration`, and an entry at the end of `registry.MIGRATIONS`.
"""
