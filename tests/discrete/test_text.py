import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from occforge.core.attributes import ATTRIBUTES
from occforge.core.errors import InputError
from occforge.discrete.text import (
    ATTRIBUTE_SIZE,
    HASHES,
    MAX_WORDS,
    PromptReader,
    TextConfig,
    attribute_loss,
    attribute_targets,
    check_prompt,
    request_BA,
    split_words,
    tokenize,
    word_hashes,
)

LEFT_AND_RAIN = {"left": "vegetation", "weather": "rain"}
texts = st.text(st.characters(codec="utf-8"), max_size=80)


@pytest.fixture(scope="module")
def reader():
    torch.manual_seed(0)
    return PromptReader(TextConfig(buckets=4096, width=32, depth=2, heads=2)).eval()


def shared(a, b):
    """Share of the hashes of two words that both have."""
    one, two = set(word_hashes(a, 4096)), set(word_hashes(b, 4096))
    return len(one & two) / len(one | two)


@pytest.mark.parametrize("batch", [[""], ["", "cars"], ["?!"], ["", ""]])
def test_empty_text_is_read(reader, batch):
    logits = reader(batch)
    assert [x.shape for x in logits] == [(len(batch), 1 + len(values)) for values in ATTRIBUTES.values()]
    assert all(torch.isfinite(x).all() for x in logits)
    assert set(reader.understood("")) <= set(ATTRIBUTES)


@given(st.lists(texts, min_size=1, max_size=4))
def test_padding_does_not_change_what_is_read(reader, batch):
    with torch.no_grad():
        together = reader([*batch, "one two three four five six seven"])
        for b, text in enumerate(batch):
            assert all(torch.allclose(x[0], y[b], atol=1e-5) for x, y in zip(reader([text]), together, strict=True))


@given(texts)
def test_tokens_count_words(text):
    ids = tokenize([text, "a b"], 64)
    words = min(MAX_WORDS, len(split_words(text)))
    assert ids.shape == (2, max(2, words), HASHES)
    assert int((ids[0] > 0).any(-1).sum()) == words


@given(texts)
def test_case_and_punctuation_do_not_matter(text):
    assert split_words(text.upper().lower()) == split_words(split_words_joined := ", ".join(split_words(text.upper())))
    assert torch.equal(tokenize([split_words_joined.title().lower()], 64), tokenize([split_words_joined], 64))


@given(st.text("abcdefghijklmnop", min_size=1, max_size=40))
def test_hashes_are_stable_and_never_the_padding(word):
    hashes = word_hashes(word, 4096)
    assert 1 <= len(hashes) <= HASHES and all(1 <= h < 4096 for h in hashes)
    assert word_hashes("street", 4096)[:2] == word_hashes("street", 4096)[:2]


@pytest.mark.parametrize(
    ("word", "typo", "other"),
    [("vegetation", "vegetatoin", "crossing"), ("bicycles", "bycicles", "overcast"), ("parked", "parkd", "sunset")],
)
def test_typos_and_inflections_stay_close(word, typo, other):
    assert shared(word, typo) > 0.1 and shared(word, other) < 0.05
    assert shared(word, word + "s") > 0.5


def test_word_order_matters(reader):
    logits = reader(["cars left trees right", "trees left cars right"])
    assert not all(torch.allclose(*x, atol=1e-4) for x in logits)


def test_further_words_are_cut(reader):
    assert tokenize(["car " * 100], 64).shape[1] == MAX_WORDS
    one, two = reader(["car " * MAX_WORDS]), reader(["car " * 100])
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_requests_are_one_hot():
    request = request_BA([{}, LEFT_AND_RAIN])
    assert request.shape == (2, ATTRIBUTE_SIZE) and request.sum(1).tolist() == [len(ATTRIBUTES)] * 2
    parts = request.split([1 + len(values) for values in ATTRIBUTES.values()], 1)
    assert torch.equal(torch.stack([p.argmax(1) for p in parts], 1), attribute_targets([{}, LEFT_AND_RAIN]))
    with pytest.raises(ValueError, match="not in"):
        request_BA([{"left": "sea"}])


def test_targets_and_loss(reader):
    mentioned = [{}, LEFT_AND_RAIN]
    targets = attribute_targets(mentioned)
    names = list(ATTRIBUTES)
    assert not targets[0].any() and int((targets[1] > 0).sum()) == 2
    assert int(targets[1, names.index("left")]) == 1 + ATTRIBUTES["left"].index("vegetation")
    loss = attribute_loss(reader, ["", "trees left, rain"], mentioned)
    logits = reader(["", "trees left, rain"])
    by_hand = [-x.log_softmax(-1)[b, targets[b, a]] for a, x in enumerate(logits) for b in range(2)]
    assert float(loss.detach()) == pytest.approx(float(torch.stack(by_hand).mean().detach()), rel=1e-5)


@pytest.mark.slow
def test_a_few_steps_learn_left_from_right():
    torch.manual_seed(0)
    reader = PromptReader(TextConfig(buckets=256, width=32, depth=1, heads=2))
    optimizer = torch.optim.AdamW(reader.parameters(), 5e-3)
    cases = [
        (f"{a} on the left and {b} on the right", {"left": a, "right": b})
        for a in ATTRIBUTES["left"]
        for b in ATTRIBUTES["right"]
    ]
    for _ in range(80):
        optimizer.zero_grad()
        attribute_loss(reader, [c[0] for c in cases], [c[1] for c in cases]).backward()
        optimizer.step()
    reader.eval()
    assert all(reader.understood(text) == names for text, names in cases)


@pytest.mark.parametrize("prompt", ["cars", "x" * 1000, " ".join(["car"] * 64), "Straße mit Bäumen", "道路"])
def test_prompts_that_are_read(prompt):
    assert check_prompt(prompt) == prompt


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "got nothing"),
        (" \n\t", "got nothing"),
        ("?! ... --", "got nothing"),
        ("x" * 1001, "1 words and 1001 characters"),
        ("car " * 65, "65 words"),
        ("car " * 2500, "2500 words and 10000 characters"),
        ("cars \udcff", "not text"),
    ],
)
def test_prompts_that_are_not(prompt, says):
    with pytest.raises(InputError, match=says):
        check_prompt(prompt)
