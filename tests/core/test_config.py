import json
from dataclasses import asdict, dataclass, field

import pytest

from occforge.core.config import added, from_dict
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


@dataclass(frozen=True)
class Later(Inner):
    more: int = added(3)
    changed: int = added(4)


def test_files_from_before_a_field_was_added_mean_its_default():
    assert from_dict(Later, {"sizes": [5], "changed": 7}, "here") == Later((5,), 3, 7)
    assert from_dict(Later, asdict(Later(more=9)), "here") == Later(more=9) and Later().more == 3
    with pytest.raises(InputError, match=r"missing .*sizes"):
        from_dict(Later, {"more": 1}, "here")


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
