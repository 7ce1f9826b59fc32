"""What a prompt leaves open: drawn once a scene, as the training scenes have it, and then asked for like the rest.

The stages could draw it themselves from an unspecified request. Because a part of the request is a plan (which layout,
how many cars), drawing it first leaves each network a distribution of one mode instead of hundreds, which it learns
sooner, and guidance no longer sharpens what nobody asked for.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from occforge.core.attributes import ATTRIBUTES


@dataclass(frozen=True)
class RequestPrior:
    """How often each attribute has each of its values (in the order of `ATTRIBUTES`) in the training scenes.

    Attributes are drawn independently, as the world draws them. Empty where scenes have no attributes.
    """

    shares: dict[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def fit(cls, scenes: Iterable[dict[str, str]]) -> "RequestPrior":
        """Shares counted over the attributes of scenes."""
        counts = Counter((name, value) for scene in scenes for name, value in scene.items())
        shares = {}
        for name, values in ATTRIBUTES.items():
            total = sum(counts[name, value] for value in values)
            if total:
                shares[name] = tuple(counts[name, value] / total for value in values)
        return cls(shares)

    def complete(self, asked: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
        """`asked` with a value for every attribute it leaves open; the same draws whatever is asked."""
        drawn = {}
        for name, share in self.shares.items():
            u = rng.random() * sum(share)
            drawn[name] = ATTRIBUTES[name][min(int(np.searchsorted(np.cumsum(share), u, "right")), len(share) - 1)]
        return {**drawn, **asked}
