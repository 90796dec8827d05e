"""`python -m mediaserver`."""

from mediaserver.cli import main

main()
