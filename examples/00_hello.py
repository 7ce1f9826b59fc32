"""A scene from a sentence, in ten lines: what it holds, and its labels as an array."""

import numpy as np

from occforge.pipelines.text_to_scene import SamplingConfig, generate_scene
from occforge.weights import load_generator

composition, _ = load_generator(None)
made = generate_scene(
    composition, "a left bend with houses on the right and parked cars", seed=1, config=SamplingConfig()
)
labels_XYZ = made.scene.labels_XYZ
names = made.scene.taxonomy.names
counts = np.bincount(labels_XYZ.ravel(), minlength=len(names))
print("asked for:", made.understood)
print("voxels:", {names[k]: int(counts[k]) for k in counts.argsort()[::-1] if k and counts[k]})
print("CPU seconds:", {stage: round(seconds, 1) for stage, seconds in made.seconds.items()})
