import json
from dataclasses import asdict, dataclass, field

import pytest

from occforge.core.config import from_dict
from occforge.core.errors import InputError


@dataclass(frozen=True)
class Inner:
    sizes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Outer:
    name: str = "a"
    rate: float = 0.5
    limit: int | None = None
    pairs: tuple[tuple[int, int], ...] = ((1, 2), (3, 4))
    inner: Inner = field(default_factory=lambda: Inner((7,)))


def test_json_round_trip():
    value = Outer(limit=3)
    assert from_dict(Outer, json.loads(json.dumps(asdict(value))), "here") == value


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.pop("rate"), "missing .*rate.* in Outer"),
        (lambda d: d.update(new=1), "unknown .*new.* in Outer"),
        (lambda d: d["inner"].pop("sizes"), "missing .*sizes.* in Inner"),
    ],
)
def test_other_versions_are_named(change, says):
    value = asdict(Outer())
    change(value)
    with pytest.raises(InputError, match=f"file.json: configuration of another version.*{says}"):
        from_dict(Outer, value, "file.json")
