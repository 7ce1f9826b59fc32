import pytest
import torch
from torch import nn

from occforge.core.errors import InputError
from occforge.train.checkpoint import flatten_optimizer, restore_optimizer
from occforge.train.optim import Muon, orthogonalise, split_parameters


@pytest.mark.parametrize("shape", [(48, 48), (96, 32), (32, 160), (1, 40)])
def test_orthogonalised_singular_values_are_near_one(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape) * 10.0
    update = orthogonalise(matrix).float()
    values = torch.linalg.svdvals(update)
    assert update.shape == shape and float(values.min()) > 0.5 and float(values.max()) < 1.35
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    if min(shape) > 1:
        assert float((update * (u @ v)).sum() / (update.norm() * (u @ v).norm())) > 0.95


def test_scale_and_sign():
    matrix = torch.randn(40, 40, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(orthogonalise(matrix * 1e-3).float(), orthogonalise(matrix).float(), atol=0.05)
    assert torch.equal(orthogonalise(-matrix), -orthogonalise(matrix))
    assert torch.isfinite(orthogonalise(torch.zeros(4, 5))).all()


def test_muon_descends():
    torch.manual_seed(0)
    target, weight = torch.randn(32, 32), nn.Parameter(torch.zeros(32, 32))
    optimizer = Muon([weight], 0.1)
    history = []
    for _ in range(60):
        loss = ((weight - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.2 * history[0]


def test_parameters_without_gradient_stay():
    used, idle = nn.Parameter(torch.ones(32, 32)), nn.Parameter(torch.ones(32, 32))
    optimizer = Muon([used, idle], 0.1, weight_decay=0.5)
    used.sum().backward()
    optimizer.step()
    assert torch.equal(idle, torch.ones(32, 32)) and not torch.equal(used, torch.ones(32, 32))


def test_parameters_are_split_completely():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(64, 64)
            self.enter, self.trunk, self.thin = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 8)
            self.conv = nn.Conv2d(64, 64, 3)
            self.frozen = nn.Parameter(torch.ones(64, 64), requires_grad=False)

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.painter = Net()
            self.words = nn.Parameter(torch.ones(64, 64))

    for module, net in ((n := Net(), n), (w := Whole(), w.painter)):
        matrices, rest = split_parameters(module)
        assert {id(p) for p in matrices} == {id(net.trunk.weight), id(net.conv.weight)}
        assert {id(p) for p in matrices + rest} == {id(p) for p in module.parameters() if p.requires_grad}


@pytest.mark.parametrize("kind", [Muon, torch.optim.AdamW])
def test_optimizer_states_come_back(kind, tmp_path):
    torch.manual_seed(0)

    def build(*names):
        module = nn.ModuleDict({name: nn.Linear(40, 32, bias=False) for name in names})
        return module, kind(module.parameters(), 0.01)

    def step(module, optimizer, seed):
        for name in ("a", "b"):  # the third never has a gradient
            generator = torch.Generator().manual_seed(seed + 100 * ord(name))
            module[name].weight.grad = torch.randn(32, 40, generator=generator)
        optimizer.step()

    # the same parameters in another order: states are found by name
    (one, first), (two, second) = build("a", "b", "c"), build("c", "b", "a")
    for seed in range(3):
        step(one, first, seed)
    flat = {k: v.clone() for k, v in flatten_optimizer(first, one).items()}
    assert flat and not any(".c." in name for name in flat)
    two.load_state_dict(one.state_dict())
    restore_optimizer(second, two, flat | {"module.a.weight": torch.zeros(1)}, tmp_path / "file")
    step(one, first, 9)
    step(two, second, 9)
    assert all(torch.equal(one[name].weight, two[name].weight) for name in "abc")
    strange = {name.replace(".a.", ".d."): value for name, value in flat.items()}
    with pytest.raises(InputError, match=r"file: holds \w+\.d\.weight\.\w+, which is not trained so here"):
        restore_optimizer(second, two, strange, tmp_path / "file")
