"""The slot grammar: what a rule can make, mirrored rules, and rules that are wrong."""

from collections import Counter

import numpy as np
import pytest

from occforge.world.grammar import Grammar, derivations, make, makes, mirror

GRAMMAR = Grammar({"tree": "trees | hedges", "side": "on the left[-hand side] | to (my | your) left"})


def test_every_derivation_is_made_and_found_again() -> None:
    node = GRAMMAR.node("{tree} {side} , \\(green\\)")
    rng = np.random.default_rng(0)
    made = {make(node, rng) for _ in range(500)}
    assert derivations(node) == len(made) == 8
    assert "hedges to my left, (green)" in made
    assert all(makes(node, text) for text in made)
    assert not makes(node, "houses to my left, (green)")
    assert not makes(node, "trees to my left, (green) trees")


def test_weights_draw_more_often() -> None:
    node = GRAMMAR.node("9*often | seldom")
    rng = np.random.default_rng(0)
    assert 850 < Counter(make(node, rng) for _ in range(1000))["often"] < 950


def test_mirrored_rules_exchange_sides_only() -> None:
    assert mirror("a left-hander, L-curve leftwards on the port side: {at_left} | {left_kerb} not right") == (
        "a right-hander, R-curve rightwards on the starboard side: {at_left} | {left_kerb} not left"
    )
    mirrored = GRAMMAR.mirrored().node("{tree} {side}")
    rng = np.random.default_rng(0)
    assert all("right" in make(mirrored, rng) for _ in range(50))


@pytest.mark.parametrize("rule", ["a (b", "a | b)", "[a", "a]"])
def test_open_brackets_are_errors(rule: str) -> None:
    with pytest.raises(ValueError, match="grammar"):
        GRAMMAR.node(rule)
