"""Peak memory of this process. The system's own figure begins with what the parent had when it started the child."""

import re
import resource
import sys
from pathlib import Path


def peak_megabytes():
    """Most memory this process has had since it was started, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)
