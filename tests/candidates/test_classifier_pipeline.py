"""A ``transformers`` pipeline as a classifier: a tiny model that this test makes, over a whole run."""

from __future__ import annotations

import json

import pytest
from test_classifier_worker import run, write

torch = pytest.importorskip("torch", reason="the extra transformers is not installed")
transformers = pytest.importorskip("transformers", reason="the extra transformers is not installed")

WORDS = ["[PAD]", "[UNK]", "vermin", "lovely", "day", "these", "idiot"]
LABELS = ["neutral", "toxic", "insult"]
TEXTS = {"a": "these vermin", "b": "lovely day", "c": "these idiot vermin day " * 20, "d": "", "e": "🍑 unknown words"}
CROSSWALKS = "crosswalks:\n  bert: {hate: [toxic, insult]}\n"

pytestmark = pytest.mark.filterwarnings("default")  # torch's own


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with one small BERT, random but far from even, and its tokenizer of seven words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("models") / "bert"
    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", model_max_length=16
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(4)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        max_position_embeddings=16, id2label=dict(enumerate(LABELS)), initializer_range=1.0,
    )  # fmt: skip
    made = transformers.BertForSequenceClassification(config).eval()
    made.save_pretrained(folder)
    return folder, made, tokenizer


def by_hand(made, tokenizer, text):
    """Probability of each label, text by text, without a pipeline."""
    with torch.no_grad():
        given = tokenizer(text, return_tensors="pt", truncation=True, max_length=16)
        return dict(zip(LABELS, torch.softmax(made(**given).logits[0], dim=-1).tolist(), strict=True))


def test_labels_reach_categories_through_the_crosswalk_with_the_models_own_scores(tmp_path, model):
    folder, made, tokenizer = model
    texts = {name: text for name, text in TEXTS.items() if text}
    write(tmp_path, f"classifier: {json.dumps(f'transformers:{folder}')}, crosswalk: bert", texts)
    policy = tmp_path / "policy.yaml"
    policy.write_text(policy.read_text() + CROSSWALKS)
    done, rows = run(tmp_path)
    assert rows, done.output
    expected = {name: by_hand(made, tokenizer, text) for name, text in texts.items()}
    scores = {name: max(one["toxic"], one["insult"]) for name, one in expected.items()}
    assert {name: row["score.hate"] for name, row in rows.items()} == pytest.approx(scores, abs=2e-6)
    assert {name: row["decision.hate"] for name, row in rows.items()} == {
        name: int(score >= 0.5) for name, score in scores.items()
    }
    assert len({round(score, 3) for score in scores.values()}) > 2  # the texts do matter


def test_a_model_trained_again_in_the_same_folder_is_another_model(tmp_path, model):
    """The folder's weights were no part of the fingerprint, so the run of the old ones was shown again."""
    from harness.candidates.classifier import _file_facts

    _, made, tokenizer = model
    (tmp_path / "m").mkdir()
    tokenizer.save_pretrained(tmp_path / "m")
    made.save_pretrained(tmp_path / "m")
    before = _file_facts("transformers:m", tmp_path)
    assert before["package"].startswith("transformers==")
    with torch.no_grad():
        made.classifier.bias.add_(1.0)
    made.save_pretrained(tmp_path / "m")
    with torch.no_grad():
        made.classifier.bias.sub_(1.0)
    assert _file_facts("transformers:m", tmp_path)["source"] != before["source"]


def test_texts_are_computed_together_and_score_as_alone(model, monkeypatch):
    from harness.candidates.estimators import load

    folder, made, tokenizer = model
    call = load({"path": f"transformers:{folder}"}, None)
    widths = []
    texts = [TEXTS["a"], TEXTS["b"], TEXTS["c"]] * 30
    forward = transformers.BertForSequenceClassification.forward

    def counted(self, input_ids=None, **more):
        widths.append(len(input_ids))
        return forward(self, input_ids=input_ids, **more)

    monkeypatch.setattr(transformers.BertForSequenceClassification, "forward", counted)
    together = call(texts)
    monkeypatch.undo()
    assert widths == [32, 32, 26]
    for text, found in zip(texts[:3], together[:3], strict=True):
        assert found == pytest.approx(by_hand(made, tokenizer, text), abs=2e-6)


def test_a_model_that_is_not_there_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write(tmp_path, 'classifier: "transformers:models/gone"', {"a": "text"})
    done, rows = run(tmp_path)
    assert (done.exit_code, rows) == (1, {})
    assert "the pipeline models/gone cannot be loaded" in done.output
    assert "a folder beside the eval" in done.output
