import resource
import subprocess
import sys

from mediaserver.base.processes.descriptors import connection_capacity, raise_limit


def test_the_soft_limit_is_raised_to_the_hard_one_and_never_lowered() -> None:
    script = """
import resource
from mediaserver.base.processes.descriptors import raise_limit
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))
print(raise_limit(200), raise_limit(1000), raise_limit(50), resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[0] == "200 300 300 (300, 300)"


def test_the_limit_of_this_process_is_told() -> None:
    assert raise_limit(1) == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_connections_leave_a_reserve_and_a_file_for_each() -> None:
    assert connection_capacity(65_536) == 32_640
    assert connection_capacity(1024) == 384
    assert connection_capacity(64) == 32
