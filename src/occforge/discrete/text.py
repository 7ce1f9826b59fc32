"""Prompts: words to features, with an auxiliary head that names the scene attributes a prompt asks for.

Legend: B batch, L words, D width, A attribute values. Words are embedded by hashed character n-grams (Bojanowski et
al. 2017), so that inflections, compounds and typing errors stay close to words seen in training.

The head's probabilities, "unspecified" among them, are the pooled condition of every stage. Because: left and right
did not bind through a pooled sentence vector; as attributes they do, and a score can say what was understood.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

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
class TextFeatures:
    """What a network sees of prompts: `token_BLD`, `mask_BL` (True where a word stands), `pooled_BD`."""

    token_BLD: Tensor
    mask_BL: Tensor
    pooled_BD: Tensor

    def __getitem__(self, index: Tensor | slice) -> "TextFeatures":
        return TextFeatures(self.token_BLD[index], self.mask_BL[index], self.pooled_BD[index])

    def to(self, device: torch.device) -> "TextFeatures":
        """The same features on another device."""
        return TextFeatures(self.token_BLD.to(device), self.mask_BL.to(device), self.pooled_BD.to(device))


@dataclass(frozen=True)
class TextConfig:
    """Sizes of the text encoder."""

    buckets: int = 4096
    width: int = 96
    depth: int = 2
    heads: int = 4


def check_prompt(prompt: str) -> str:
    """The prompt itself; raises `InputError` if it is empty or longer than the encoder reads."""
    if not prompt.strip():
        raise InputError("prompt: expected a sentence, got nothing; describe a street, as in 'cars parked on the left'")
    words = len(split_words(prompt))
    if len(prompt) > MAX_CHARACTERS or words > MAX_WORDS:
        raise InputError(
            f"prompt: expected at most {MAX_WORDS} words and {MAX_CHARACTERS} characters, "
            f"got {words} words and {len(prompt)} characters; shorten it"
        )
    return prompt


def split_words(text: str) -> list[str]:
    """Lower-case words and numbers; everything else separates."""
    return re.findall(r"[^\W_]+", text.lower())


def word_hashes(word: str, buckets: int) -> list[int]:
    """Bucket ids (1 .. buckets-1; 0 pads) of a word and its character 3- to 5-grams."""
    marked = f"<{word}>"
    grams = [marked] + [marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1)]
    return [1 + zlib.crc32(gram.encode()) % (buckets - 1) for gram in grams[:HASHES]]


def tokenize(texts: Sequence[str], buckets: int) -> Tensor:
    """Texts to hashed features, (B, L, HASHES) long, zero padded; an empty text is one word of padding."""
    words_B = [[word_hashes(w, buckets) for w in split_words(text)[:MAX_WORDS]] for text in texts]
    ids_BLH = torch.zeros(len(texts), max(1, *(len(w) for w in words_B)), HASHES, dtype=torch.long)
    for b, words in enumerate(words_B):
        for i, hashes in enumerate(words):
            ids_BLH[b, i, : len(hashes)] = torch.tensor(hashes)
    return ids_BLH


class TextEncoder(nn.Module):
    """A small transformer over hashed words; `attribute_logits` reads what was asked, `forward` makes features."""

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

    @property
    def pooled_size(self) -> int:
        """Length of `TextFeatures.pooled_BD`: one probability per attribute value."""
        return ATTRIBUTE_SIZE

    def tokens(self, ids_BLH: Tensor) -> tuple[Tensor, Tensor]:
        """Word features (B, L, D) and the mask (B, L) of real words; an empty text keeps one blank word."""
        real_BL = (ids_BLH > 0).any(-1)
        word_BLD = self.embedding(ids_BLH).sum(2) / (ids_BLH > 0).sum(2, keepdim=True).clamp_min(1).sqrt()
        mask_BL = real_BL.clone()
        mask_BL[:, 0] = True
        h = self.layers(word_BLD + self.position[: ids_BLH.shape[1]], src_key_padding_mask=~mask_BL)
        return h, mask_BL

    def attribute_logits(self, token_BLD: Tensor, mask_BL: Tensor) -> list[Tensor]:
        """Per attribute logits over (unspecified, *values), each (B, values + 1)."""
        score_BAL = (self.queries @ token_BLD.transpose(1, 2)).masked_fill(~mask_BL[:, None], -torch.inf)
        pooled_BAD = score_BAL.softmax(-1) @ token_BLD
        return [head(pooled_BAD[:, a]) for a, head in enumerate(self.heads)]

    def forward(self, texts: Sequence[str]) -> TextFeatures:
        """Features of prompts; the empty text is the null condition of guidance."""
        token_BLD, mask_BL = self.tokens(tokenize(texts, self.config.buckets).to(self.position.device))
        pooled = [logits.softmax(-1) for logits in self.attribute_logits(token_BLD, mask_BL)]
        return TextFeatures(token_BLD, mask_BL, torch.cat(pooled, -1))

    def understood(self, text: str) -> dict[str, str]:
        """The attributes that the encoder reads in a prompt, the unspecified ones left out."""
        with torch.no_grad():
            token_BLD, mask_BL = self.tokens(tokenize([text], self.config.buckets).to(self.position.device))
            logits = self.attribute_logits(token_BLD, mask_BL)
        choice = {k: v[int(x[0].argmax())] for (k, v), x in zip(ATTRIBUTE_VALUES.items(), logits, strict=True)}
        return {k: v for k, v in choice.items() if v != UNSPECIFIED}


def attribute_targets(mentioned: Sequence[dict[str, str]]) -> Tensor:
    """Indices into (unspecified, *values) of the attributes each caption names, (B, attributes) long."""
    return torch.tensor([[v.index(m.get(k, UNSPECIFIED)) for k, v in ATTRIBUTE_VALUES.items()] for m in mentioned])


def attribute_loss(encoder: TextEncoder, texts: Sequence[str], mentioned: Sequence[dict[str, str]]) -> Tensor:
    """Mean cross-entropy of every attribute that captions name, "unspecified" where they do not; scalar."""
    token_BLD, mask_BL = encoder.tokens(tokenize(texts, encoder.config.buckets).to(encoder.position.device))
    logits = encoder.attribute_logits(token_BLD, mask_BL)
    target_BA = attribute_targets(mentioned).to(token_BLD.device)
    return torch.stack([F.cross_entropy(x, target_BA[:, a]) for a, x in enumerate(logits)]).mean()
