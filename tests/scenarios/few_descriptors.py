"""`python -m tests.scenarios.few_descriptors serve …`: the server under a hard limit of 1,024 open files."""

import resource

from mediaserver.cli import main

LIMIT = 1024

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    main()
