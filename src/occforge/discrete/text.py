"""Prompts: which scene attributes does a sentence ask for.

Legend: B batch, L words, D width, A attribute values. Words are embedded by hashed character n-grams (Bojanowski et
al. 2017), so that inflections, compounds and typing errors stay close to words seen in training.

Every stage is conditioned on the request, one category per attribute with "unspecified" among them, rather than on
word features. Because: left and right did not bind through a sentence vector; a request can be printed and scored; and
the reader can be trained anew, or replaced by a larger language model, without touching a generator.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from occforge.core.attributes import ATTRIBUTES, UNSPECIFIED
from occforge.core.errors import InputError

MAX_WORDS = 64
MAX_CHARACTERS = 1000
HASHES = 24
"""Hashed features a word: itself and its character n-grams; further ones are cut."""

ATTRIBUTE_VALUES: dict[str, tuple[str, ...]] = {k: (UNSPECIFIED, *v) for k, v in ATTRIBUTES.items()}
ATTRIBUTE_SIZE = sum(len(v) for v in ATTRIBUTE_VALUES.values())


@dataclass(frozen=True)
class TextConfig:
    """Sizes of the text encoder."""

    buckets: int = 4096
    width: int = 96
    depth: int = 2
    heads: int = 4


def check_prompt(prompt: str) -> str:
    """The prompt itself; raises `InputError` if it is empty or longer than the encoder reads."""
    words = len(split_words(prompt))
    if not words:
        raise InputError("prompt: expected a sentence, got nothing; describe a street, as in 'cars parked on the left'")
    if any("\ud800" <= c <= "\udfff" for c in prompt):
        raise InputError("prompt: expected text, got bytes that are not text; type it in UTF-8")
    if len(prompt) > MAX_CHARACTERS or words > MAX_WORDS:
        raise InputError(
            f"prompt: expected at most {MAX_WORDS} words and {MAX_CHARACTERS} characters, "
            f"got {words} words and {len(prompt)} characters; shorten it"
        )
    return prompt


def split_words(text: str) -> list[str]:
    """Lower-case words and numbers; everything else separates."""
    return re.findall(r"[^\W_]+", text.lower())


@lru_cache(maxsize=65536)
def word_hashes(word: str, buckets: int) -> tuple[int, ...]:
    """Bucket ids (1 .. buckets-1; 0 pads) of a word and its character 3- to 5-grams."""
    marked = f"<{word}>"
    grams = [marked] + [marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1)]
    return tuple(1 + zlib.crc32(gram.encode()) % (buckets - 1) for gram in grams[:HASHES])


def tokenize(texts: Sequence[str], buckets: int) -> Tensor:
    """Texts to hashed features, (B, L, HASHES) long, zero padded; an empty text is one word of padding."""
    words_B = [split_words(text)[:MAX_WORDS] for text in texts]
    ids_BLH = np.zeros((len(texts), max(1, 1, *(len(words) for words in words_B)), HASHES), np.int64)
    for b, words in enumerate(words_B):
        for i, word in enumerate(words):
            hashes = word_hashes(word, buckets)
            ids_BLH[b, i, : len(hashes)] = hashes
    return torch.from_numpy(ids_BLH)


class PromptReader(nn.Module):
    """A small transformer over hashed words that names the attributes a prompt asks for."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.embedding = nn.Embedding(config.buckets, D, padding_idx=0)
        self.position = nn.Parameter(torch.randn(MAX_WORDS, D) * 0.02)
        layer = nn.TransformerEncoderLayer(D, config.heads, 3 * D, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, config.depth, nn.LayerNorm(D), enable_nested_tensor=False)
        self.queries = nn.Parameter(torch.randn(len(ATTRIBUTES), D) * 0.1)
        self.heads = nn.ModuleList(nn.Linear(D, len(values)) for values in ATTRIBUTE_VALUES.values())

    def forward(self, texts: Sequence[str]) -> list[Tensor]:
        """Per attribute logits over (unspecified, *values), each (B, values + 1)."""
        ids_BLH = tokenize(texts, self.config.buckets).to(self.position.device)
        real_BL = (ids_BLH > 0).any(-1)
        word_BLD = self.embedding(ids_BLH).sum(2) / (ids_BLH > 0).sum(2, keepdim=True).clamp_min(1).sqrt()
        mask_BL = real_BL.clone()
        mask_BL[:, 0] = True
        token_BLD = self.layers(word_BLD + self.position[: ids_BLH.shape[1]], src_key_padding_mask=~mask_BL)
        score_BAL = (self.queries @ token_BLD.transpose(1, 2)).masked_fill(~mask_BL[:, None], -torch.inf)
        pooled_BAD = score_BAL.softmax(-1) @ token_BLD
        return [head(pooled_BAD[:, a]) for a, head in enumerate(self.heads)]

    @torch.no_grad()
    def understood(self, text: str) -> dict[str, str]:
        """The attributes that a prompt asks for, the unspecified ones left out."""
        choice = {k: v[int(x[0].argmax())] for (k, v), x in zip(ATTRIBUTE_VALUES.items(), self([text]), strict=True)}
        return {k: v for k, v in choice.items() if v != UNSPECIFIED}


def attribute_targets(mentioned: Sequence[dict[str, str]]) -> Tensor:
    """Indices into (unspecified, *values) of the attributes each request names, (B, attributes) long."""
    return torch.tensor([[v.index(m.get(k, UNSPECIFIED)) for k, v in ATTRIBUTE_VALUES.items()] for m in mentioned])


def request_BA(mentioned: Sequence[dict[str, str]]) -> Tensor:
    """Requests as networks see them: a one-hot category per attribute, side by side, (B, ATTRIBUTE_SIZE) float."""
    parts = [
        F.one_hot(target_B, len(values))
        for target_B, values in zip(attribute_targets(mentioned).T, ATTRIBUTE_VALUES.values(), strict=True)
    ]
    return torch.cat(parts, 1).float()


def attribute_loss(reader: PromptReader, texts: Sequence[str], mentioned: Sequence[dict[str, str]]) -> Tensor:
    """Mean cross-entropy of every attribute that captions name, "unspecified" where they do not; scalar."""
    logits = reader(texts)
    target_BA = attribute_targets(mentioned).to(logits[0].device)
    return torch.stack([F.cross_entropy(x, target_BA[:, a]) for a, x in enumerate(logits)]).mean()
