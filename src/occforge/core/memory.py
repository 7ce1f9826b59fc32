"""Memory: how much the machine still has, how much this process took, and keeping what was freed."""

import ctypes
import os
import platform
from pathlib import Path

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""Parameters of glibc's `mallopt`, from malloc.h."""


def available_bytes() -> int:
    """Bytes that can be allocated without swapping; physical memory where the system does not say."""
    info = Path("/proc/meminfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def peak_bytes() -> int:
    """Most memory that this process has held at once.

    Linux also counts it per address space, which a process that was started from a larger one begins anew; getrusage
    goes on from the larger one's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource  # which Windows does not have; every verb imports this module

    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def keep_freed_memory() -> None:
    """Have the C library keep large blocks that are freed, for the whole process, instead of giving them back.

    Training and sampling allocate the same large arrays step by step; glibc maps each anew, and up to a quarter of a
    training step, 6 % of a scene, goes to the kernel, which fills them with zeros. Other C libraries are left alone.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in ((MMAP_THRESHOLD, 2**30), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 2**28)):
            mallopt(parameter, value)
