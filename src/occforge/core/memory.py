"""How much memory the machine still has."""

import os
from pathlib import Path


def available_bytes() -> int:
    """Bytes that can be allocated without swapping; physical memory where the system does not say."""
    info = Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
