from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest

from occforge.core.attributes import ATTRIBUTES
from occforge.core.config import from_dict
from occforge.discrete.request import RequestPrior
from occforge.world.street import make_street


@pytest.fixture(scope="module")
def prior():
    return RequestPrior.fit([make_street(seed).attributes for seed in range(40)])


def test_shares_are_those_of_the_scenes():
    prior = RequestPrior.fit([{"parked": "left"}, {"parked": "left"}, {"parked": "none"}, {"traffic": "many"}])
    assert prior.shares == {"parked": (1 / 3, 2 / 3, 0.0, 0.0), "traffic": (0.0, 0.0, 1.0)}


def test_what_is_asked_stays_and_the_rest_is_drawn(prior):
    full = prior.complete({"layout": "crossing"}, np.random.default_rng(0))
    assert full["layout"] == "crossing" and full.keys() == ATTRIBUTES.keys()
    assert all(value in ATTRIBUTES[name] for name, value in full.items())


def test_asking_for_one_attribute_leaves_the_others_draws_alone(prior):
    free = prior.complete({}, np.random.default_rng(5))
    asked = prior.complete({"persons": "many"}, np.random.default_rng(5))
    assert {**free, "persons": "many"} == asked


def test_draws_have_the_shares(prior):
    rng = np.random.default_rng(0)
    drawn = Counter(prior.complete({}, rng)["layout"] for _ in range(4000))
    for value, share in zip(ATTRIBUTES["layout"], prior.shares["layout"], strict=True):
        assert abs(drawn[value] / 4000 - share) < 0.03


def test_no_value_of_share_zero_is_ever_drawn():
    prior = RequestPrior({"traffic": (0.0, 1.0, 0.0)})
    for seed in range(50):
        assert prior.complete({}, np.random.default_rng(seed)) == {"traffic": "few"}


def test_scenes_without_attributes_ask_for_nothing():
    assert RequestPrior.fit([{}, {}]).complete({}, np.random.default_rng(0)) == {}


def test_it_comes_back_from_json(prior):
    again = from_dict(RequestPrior, asdict(prior), "here")
    assert again.complete({}, np.random.default_rng(1)) == prior.complete({}, np.random.default_rng(1))
