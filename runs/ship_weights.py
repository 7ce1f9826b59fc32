"""Put finished runs into the package and write their card: what they were trained on, how, and what they score.

    python runs/ship_weights.py RUN... [--scenes out/evaluate-scenes/scenes.json] [--history "A sentence."]
        [--prompts out/evaluate-prompts/prompts.json] [--perception out/evaluate-perception/perception.json]
        [--pictures out/evaluate-pictures/pictures.json] [--engines out/evaluate-engines/engines.json]

A RUN is the folder of `occforge train street.scene`, `street.features`, `street.monoscene`, `street.judge` or
`street.pictures`. What is not given stays as it is, with its lines of the card. The scores of both engines go in too:
`occforge generate` takes the better one.
"""

import argparse
import json
import platform
import shutil
from pathlib import Path

from occforge.core.tensors import load_tensors
from occforge.weights import EMBEDDED

CARD = EMBEDDED / "card.md"
SECTIONS = ("scenes", "prompts", "perception", "pictures", "engines")
FIXED = (
    "Trained on this repository's own procedural streets; no dataset's data went in.",
    "Retrain everything: `occforge train street.scene`, `street.features`, `street.encoder`, then `street.monoscene`",
    "with `--encoder out/street.encoder/encoder.safetensors`, `street.judge` and `street.pictures`;",
    "`python runs/ship_weights.py out/street.scene out/street.features out/street.monoscene out/street.judge",
    "out/street.pictures` puts them here.",
)
HEADER = "| File | MB | parameters | steps | batch | final loss | source | arithmetic | began from |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*")
    for name in SECTIONS:
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--history", nargs="*", help="sentences on how these weights came about")
    arguments = parser.parse_args()

    head, _, rest = CARD.read_text().partition("\n## ")
    sections = dict(part.partition("\n")[::2] for part in f"\n{'## ' + rest}".split("\n## ")[1:]) if rest else {}
    old = {line.split("|")[1].strip(): line for line in head.splitlines() if line.startswith("| ")}
    said = [line for line in head.split(HEADER)[0].splitlines()[2:] if line and line not in FIXED]
    rows = {}
    for run in arguments.runs:
        for path in [*(run / "weights").glob("*.safetensors"), *finished(run)]:
            shutil.copyfile(path, EMBEDDED / path.name)
            (EMBEDDED / path.name).chmod(0o644)
            rows[path.name] = row(path, run / path.stem if path.parent.name == "weights" else run)
    if arguments.engines is not None:
        shutil.copyfile(arguments.engines, EMBEDDED / "engines.json")
    lines = ["# The embedded weights", "", FIXED[0], *(said if arguments.history is None else arguments.history)]
    lines += [*FIXED[1:], "", HEADER, "|---" * HEADER.count(" | ") + "|---|"]
    files = sorted(EMBEDDED.glob("*.safetensors"))
    lines += [rows.get(path.name) or old[path.name] for path in files]
    total = sum(path.stat().st_size for path in files) / 1e6
    lines += ["", f"Together {total:.1f} MB, half precision; trained on {platform.machine()}, one core a process."]
    for name in SECTIONS:
        path = getattr(arguments, name)
        text = sections.get(name.title()) if path is None else path.with_suffix(".md").read_text()
        if text:
            lines += ["", f"## {name.title()}", "", text.strip()]
    CARD.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def finished(run: Path) -> list[Path]:
    """Usable files that lie in a run's own folder."""
    return [
        path
        for name in ("features", "monoscene", "judge", "pictures")
        if (path := run / f"{name}.safetensors").exists()
    ]


def row(path: Path, run: Path) -> str:
    """One line of the card."""
    megabytes = path.stat().st_size / 1e6
    if path.stem == "codebooks":
        return f"| {path.name} | {megabytes:.2f} | | | | | fitted to 256 streets | | |"
    tensors, metadata = load_tensors(run / "ema.safetensors")
    log = [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()[-50:]]
    loop = metadata["loop"]
    count = sum(t.numel() for t in tensors.values()) / 1e6
    began = "an encoder trained alone" if metadata.get("encoder") else "random"
    began = began if metadata.get("start") in (None, "None") else "earlier weights"
    return (
        f"| {path.name} | {megabytes:.2f} | {count:.2f} M | {loop['steps']} | {loop['batch']} | "
        f"{sum(log) / len(log):.4f} | {metadata['source']} | {loop['dtype']} | {began} |"
    )


if __name__ == "__main__":
    main()
