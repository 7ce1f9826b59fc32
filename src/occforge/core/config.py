"""Configurations are frozen dataclasses; this is how they come back from JSON."""

from dataclasses import field, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from occforge.core.errors import InputError

T = TypeVar("T")


def added(default: T) -> T:
    """A field that came later: files without it were made as if it had its default."""
    made: T = field(default=default, metadata={"added": True})
    return made


def from_dict(cls: type[T], value: dict[str, Any], source: str) -> T:
    """A dataclass from its `asdict` after JSON: lists become tuples, nested dataclasses are rebuilt.

    Raises `InputError` naming `source` where fields are missing (but those `added`) or unknown: another version wrote
    it.
    """
    hints = get_type_hints(cls)
    value = {f.name: f.default for f in fields(cls) if f.metadata.get("added")} | value  # type: ignore[arg-type]
    names = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    if names != value.keys():
        missing, unknown = sorted(names - value.keys()), sorted(value.keys() - names)
        raise InputError(
            f"{source}: configuration of another version (missing {missing or 'nothing'}, unknown "
            f"{unknown or 'nothing'} in {cls.__name__}); use the version that wrote it or make it again"
        )
    return cls(**{name: _restore(hints[name], value[name], source) for name in names})


def _restore(hint: Any, value: Any, source: str) -> Any:
    if is_dataclass(hint) and isinstance(value, dict):
        return from_dict(hint, value, source)  # type: ignore[arg-type]
    if isinstance(value, list):
        return tuple(_restore(None, item, source) for item in value)
    return value
