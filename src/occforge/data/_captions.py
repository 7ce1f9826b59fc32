"""Captions beside the frames: `captions/F.json` with the text and the attributes that it mentions.

No dataset brings these files; the export of the world writes them.
"""

import json
from pathlib import Path
from typing import Any

from occforge.core.errors import InputError


def read_caption(path: Path) -> tuple[str | None, dict[str, str] | None]:
    """(caption, mentioned) of a caption file; (None, None) if there is none."""
    if not path.is_file():
        return None, None
    try:
        value: dict[str, Any] = json.loads(path.read_text())
        return str(value["caption"]), {str(name): str(option) for name, option in value["mentioned"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(
            f"{path}: expected a JSON object with caption and mentioned ({error!r}); write the frame again"
        ) from error
