"""Tweets, comments, likes, follows, blocks and reports."""
