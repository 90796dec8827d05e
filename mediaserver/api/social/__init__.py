"""Routes and resources of tweets, follows, blocks and reports."""
