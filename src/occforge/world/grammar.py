"""A small slot grammar: one line of text stands for all the phrases that its slots can make.

`a | b` is one of several, `[a]` is a or nothing, `(a | b) c` groups, `{name}` is another rule, `5*a | b` draws a more
often; a backslash takes the next character as it is. Space is tidied when a phrase is made, so rules may be broken over
lines at will.
"""

import math
import re
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np


@dataclass(frozen=True, slots=True)
class Either:
    """One of several nodes, each with its share of the draws; `starts` as `starts_of` tells them."""

    nodes: tuple["Node", ...]
    cumulative: tuple[float, ...]
    derivations: int
    starts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Chain:
    """Nodes one after another."""

    nodes: tuple["Node", ...]
    derivations: int
    starts: frozenset[str]


Node = str | Either | Chain
Known = dict[tuple[int, int], frozenset[int]]

_TOKEN = re.compile(r"\\.|\{\w+\}|[()\[\]|]|[^\\{}()\[\]|]+", re.DOTALL)
_WEIGHT = re.compile(r"\s*(\d+)\*")


def derivations(node: Node) -> int:
    """In how many ways a node can be made; equal texts made in two ways count twice."""
    return 1 if isinstance(node, str) else node.derivations


def starts_of(node: Node) -> frozenset[str]:
    """The characters that a phrase of a node can begin with; "" if there may be none."""
    return frozenset((_solid(node)[:1],)) if isinstance(node, str) else node.starts


def _either(nodes: list[Node], weights: list[int]) -> Node:
    """Richer alternatives are drawn more often, by the logarithm of what they can make."""
    if len(nodes) == 1:
        return nodes[0]
    marks = list(accumulate(w * (1.0 + math.log(derivations(node))) for node, w in zip(nodes, weights, strict=True)))
    return _one_of(nodes, [mark / marks[-1] for mark in marks])


def _one_of(nodes: list[Node], cumulative: list[float]) -> Either:
    starts = frozenset().union(*map(starts_of, nodes))
    return Either(tuple(nodes), tuple(cumulative), sum(map(derivations, nodes)), starts)


def _chain(nodes: list[Node]) -> Node:
    """Space at both ends belongs to the notation."""
    if isinstance(nodes[0], str):
        nodes[0] = nodes[0].lstrip()
    if isinstance(nodes[-1], str):
        nodes[-1] = nodes[-1].rstrip()
    if len(nodes) == 1:
        return nodes[0]
    starts = frozenset(("",))
    for node in nodes:
        if "" in starts:
            starts = starts - {""} | starts_of(node)
    return Chain(tuple(nodes), math.prod(map(derivations, nodes)), starts)


class Grammar:
    """Named rules, compiled when first used."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        self.rules = dict(rules)
        self._compiled: dict[str, Node] = {}

    def rule(self, name: str) -> Node:
        """The node of a named rule."""
        if name not in self._compiled:
            self._compiled[name] = self.node(self.rules[name])
        return self._compiled[name]

    def node(self, text: str) -> Node:
        """Compile an expression; raises `ValueError` if a bracket is open."""
        tokens = _TOKEN.findall(text)
        node, end = self._parse(tokens, 0, "")
        if end != len(tokens):
            raise ValueError(f"grammar: a bracket too many in '{text}'")
        return node

    def _parse(self, tokens: list[str], i: int, closing: str) -> tuple[Node, int]:
        alternatives: list[Node] = []
        weights = [1]
        chain: list[Node] = []
        while i < len(tokens) and tokens[i] not in (")", "]"):
            token = tokens[i]
            i += 1
            if token == "|":
                alternatives.append(_chain(chain or [""]))
                weights.append(1)
                chain = []
            elif token in ("(", "["):
                inner, i = self._parse(tokens, i, ")" if token == "(" else "]")
                chain.append(inner if token == "(" else _one_of(["", inner], [0.55, 1.0]))
            elif token[0] == "{":
                chain.append(self.rule(token[1:-1]))
            else:
                if not chain and (weight := _WEIGHT.match(token)):
                    weights[-1], token = int(weight[1]), token[weight.end() :]
                chain.append(token.removeprefix("\\"))
        if (tokens[i] if i < len(tokens) else "") != closing:
            raise ValueError(f"grammar: expected '{closing}' after '{''.join(tokens[:i])}'")
        alternatives.append(_chain(chain or [""]))
        return _either(alternatives, weights), i + (closing != "")

    def mirrored(self) -> "Grammar":
        """The same rules with left and right exchanged."""
        return Grammar({name: mirror(text) for name, text in self.rules.items()})


_MIRROR = {"left": "right", "port": "starboard", "lhs": "rhs", "L": "R"}
_MIRROR |= {right: left for left, right in _MIRROR.items()}
_SIDES = re.compile(
    r"(?<![A-Za-z_{])(?:left|right|port|starboard|lhs|rhs)(?=wards?\b|ward\b|hander\b|\b)(?!\w*\})|\b[LR](?=[-:])"
)


def mirror(text: str) -> str:
    """Exchange left and right in a rule."""
    return _SIDES.sub(lambda match: _MIRROR[match[0]], text)


def _write(node: Node, rng: np.random.Generator, out: list[str]) -> None:
    while isinstance(node, Either):
        node = node.nodes[bisect(node.cumulative, rng.random())]
    if isinstance(node, str):
        out.append(node)
    else:
        for part in node.nodes:
            _write(part, rng, out)


def make(node: Node, rng: np.random.Generator) -> str:
    """One of the phrases of a node."""
    out: list[str] = []
    _write(node, rng, out)
    return tidy("".join(out))


def tidy(text: str) -> str:
    """Single spaces, none before a comma or the like."""
    return (
        " ".join(text.split())
        .replace(" ,", ",")
        .replace(" :", ":")
        .replace(" ;", ";")
        .replace("( ", "(")
        .replace(" 's", "'s")
    )


@lru_cache(maxsize=4096)
def _solid(text: str) -> str:
    return "".join(text.split())


def _ends(node: Node, text: str, start: int, known: Known) -> frozenset[int]:
    """Where a phrase of the node can end that starts there."""
    if isinstance(node, str):
        word = _solid(node)
        return frozenset((start + len(word),)) if text.startswith(word, start) else frozenset()
    if text[start : start + 1] not in node.starts and "" not in node.starts:
        return frozenset()
    key = id(node), start
    if key not in known:
        if isinstance(node, Either):
            known[key] = frozenset().union(*(_ends(part, text, start, known) for part in node.nodes))
        else:
            ends = frozenset((start,))
            for part in node.nodes:
                ends = frozenset().union(*(_ends(part, text, end, known) for end in ends))
            known[key] = ends
    return known[key]


def makes(node: Node, text: str, known: Known | None = None) -> bool:
    """Whether a node can make a text, spaces left aside; `known` keeps what was found for the same text."""
    solid = _solid(text)
    return len(solid) in _ends(node, solid, 0, {} if known is None else known)
