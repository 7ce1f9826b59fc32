import numpy as np

from occforge.core.memory import available_bytes, peak_bytes


def test_a_peak_stays_when_the_memory_is_gone():
    before = peak_bytes()
    assert 10e6 < before < available_bytes() + before
    held = np.ones(before // 8 + 16 * 2**20)  # more than ever
    peak = peak_bytes()
    assert peak >= held.nbytes
    del held
    assert peak_bytes() > peak - 2**22  # the kernel counts in batches
