"""How the renderers' inner loops are compiled."""

from collections.abc import Callable
from typing import Any

from numba import njit


def per_ray(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that runs for every ray: it must not allocate arrays.

    `_nrt=False` leaves out numba's reference counts. Counting is atomic, so for functions that are handed a dozen
    arrays per ray it costs more than the work and makes the threads wait for each other: 2.4 times slower in
    `shade`. The compiled code is kept on disk; division by zero gives infinity, as in numpy.
    """
    compiled: Callable[..., Any] = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)  # type: ignore[call-overload]
    return compiled
