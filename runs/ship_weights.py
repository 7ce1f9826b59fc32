"""Put finished runs into the package and write their card: what they were trained on, how, and what they score.

python runs/ship_weights.py out/street.scene [out/street.features] [--scores out/evaluate-scenes/scenes.json]
    [--prompts out/evaluate-prompts/prompts.json]

Networks that the runs do not hold stay as they are, with their lines of the card.
"""

import argparse
import json
import platform
import shutil
from pathlib import Path

from occforge.core.tensors import load_tensors
from occforge.weights import EMBEDDED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scene_run", type=Path)
    parser.add_argument("feature_run", type=Path, nargs="?")
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--history", nargs="*", default=[], help="sentences on how these weights came about")
    arguments = parser.parse_args()

    old = {line.split("|")[1].strip(): line for line in (EMBEDDED / "card.md").read_text().splitlines() if "|" in line}
    lines = [
        "# The embedded weights",
        "",
        "Trained on this repository's own procedural streets; no dataset's data went in.",
        *arguments.history,
        "Retrain everything: `occforge train street.scene` and `occforge train street.features`, then",
        "`python runs/ship_weights.py out/street.scene out/street.features`.",
        "",
        "| File | MB | parameters | steps | batch | final loss | source | arithmetic | began from |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    new = {path.name: path for path in (arguments.scene_run / "weights").glob("*.safetensors")}
    if arguments.feature_run is not None:
        new["features.safetensors"] = arguments.feature_run / "features.safetensors"
    for name, path in new.items():
        shutil.copyfile(path, EMBEDDED / name)
        (EMBEDDED / name).chmod(0o644)
    for path in sorted(EMBEDDED.glob("*.safetensors")):
        megabytes = path.stat().st_size / 1e6
        run = arguments.feature_run if path.stem == "features" else arguments.scene_run / path.stem
        if path.stem == "codebooks":
            lines.append(f"| {path.name} | {megabytes:.2f} | | | | | fitted to 256 streets | | |")
        elif path.name in new and run is not None:
            lines.append(row(path, run, megabytes))
        else:
            lines.append(old[path.name])
    total = sum(path.stat().st_size for path in EMBEDDED.glob("*.safetensors")) / 1e6
    lines += ["", f"Together {total:.1f} MB, half precision; trained on {platform.machine()}, one core a network."]
    for title, path in (("Scenes", arguments.scores), ("Prompts", arguments.prompts)):
        if path is not None:
            lines += ["", f"## {title}", "", path.with_suffix(".md").read_text().strip()]
    (EMBEDDED / "card.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def row(path: Path, run: Path, megabytes: float) -> str:
    """One line of the card."""
    tensors, metadata = load_tensors(run / "ema.safetensors")
    log = [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()[-50:]]
    loop = metadata["loop"]
    count = sum(t.numel() for t in tensors.values()) / 1e6
    return (
        f"| {path.name} | {megabytes:.2f} | {count:.2f} M | {loop['steps']} | {loop['batch']} | "
        f"{sum(log) / len(log):.4f} | {metadata['source']} | {loop['dtype']} "
        f"| {'random' if metadata.get('start') in (None, 'None') else 'earlier weights'} |"
    )


if __name__ == "__main__":
    main()
