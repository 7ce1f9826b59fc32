import json

import pytest
import torch

from occforge.core.errors import InputError
from occforge.core.tensors import load_tensors, save_tensors
from occforge.discrete.weights import load_composition
from tiny_world import save_generator, tiny_composition


@pytest.fixture(scope="module")
def composition():
    return tiny_composition()


@pytest.fixture
def folder(tmp_path, composition):
    return save_generator(tmp_path / "weights", composition)


def edit(path, change):
    tensors, metadata = load_tensors(path)
    del metadata["format"]
    change(tensors, metadata)
    save_tensors(path, tensors, metadata)


def test_a_generator_comes_back_in_half_precision(folder, composition):
    again = load_composition(folder)
    assert again.levels.config == composition.levels.config and again.levels.grid == composition.levels.grid
    assert again.levels.taxonomy == composition.levels.taxonomy and not again.training
    for (name, a), b in zip(composition.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(a.half().float(), b), name
    for own, other in zip(composition.buffers(), again.buffers(), strict=True):
        assert torch.equal(own, other)  # code blocks and parents


def test_saving_twice_gives_the_same_bytes(tmp_path, composition):
    one, two = (save_generator(tmp_path / name, composition) for name in "ab")
    assert all(path.read_bytes() == (two / path.name).read_bytes() for path in one.iterdir())


def test_missing_files(tmp_path, folder):
    with pytest.raises(InputError, match="expected a folder of weights"):
        load_composition(tmp_path / "nowhere")
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(InputError, match=path.name):
            load_composition(folder)
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match=rf"{path.name} is corrupt"):
            load_composition(folder)
        path.write_bytes(content)
    load_composition(folder)


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("codebooks", lambda t, m: m.pop("grid"), "metadata of a scene generator"),
        ("codebooks", lambda t, m: m["config"].pop("T"), "another version"),
        ("codebooks", lambda t, m: m["config"].update(novel=1), "another version"),
        ("codebooks", lambda t, m: m["config"].update(T=7), "another config"),
        ("codebooks", lambda t, m: m["config"]["objects"].pop("depth"), "another version"),
        ("codebooks", lambda t, m: m["grid"].update(voxel_m=[1.0, 1.0, 1.0]), "another grid"),
        ("codebooks", lambda t, m: m["taxonomy"].pop("things"), "another version"),
        ("objects", lambda t, m: m["taxonomy"].update(name="other"), "another taxonomy"),
        ("fusion", lambda t, m: m.clear(), "another config and grid and taxonomy"),
        ("text", lambda t, m: t.pop("position"), "1 tensors missing"),
        ("refine", lambda t, m: t["enter.bias"].fill_(float("nan")), "not finite"),
        ("background", lambda t, m: t.update({"enter.bias": torch.zeros(3)}), "has shape"),
    ],
)
def test_other_configurations_are_refused(folder, file, change, says):
    edit(folder / f"{file}.safetensors", change)
    with pytest.raises(InputError, match=says):
        load_composition(folder)


def test_metadata_is_json(folder):
    _, metadata = load_tensors(folder / "fusion.safetensors")
    assert json.loads(json.dumps(metadata)) == metadata and {"config", "grid", "taxonomy"} <= metadata.keys()


def test_networks_of_other_codes_are_refused(folder):
    """Codebooks of the same sizes with other codes, as of another training beside it."""
    path = folder / "codebooks.safetensors"

    def reorder(tensors, _):
        empty, *others = tensors["fusion"]
        tensors["fusion"] = torch.stack([empty, *others[::-1]])

    edit(path, reorder)
    with pytest.raises(InputError, match="made for another codes than codebooks"):
        load_composition(folder)
