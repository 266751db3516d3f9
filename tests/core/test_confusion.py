import numpy as np
import pytest
from sklearn.metrics import multilabel_confusion_matrix

from harness.core import confusion
from harness.core.confusion import confusion_counts


def test_confusion_counts_equal_scikit_learn():
    rng = np.random.default_rng(0)
    y, b = rng.integers(0, 2, (500, 6)), rng.integers(0, 2, (500, 6))
    counts = confusion_counts(y.astype(np.int8), b.astype(np.int8))
    expected = multilabel_confusion_matrix(y, b)
    for index in range(6):
        tp, fp, fn, tn = counts.category(index)
        assert [[tn, fp], [fn, tp]] == expected[index].tolist()


def test_confusion_counts_equal_scikit_learn_with_weights():
    rng = np.random.default_rng(1)
    y, b, w = rng.integers(0, 2, (500, 3)), rng.integers(0, 2, (500, 3)), rng.uniform(0, 5, 500)
    counts = confusion_counts(y, b, w)
    expected = multilabel_confusion_matrix(y, b, sample_weight=w)
    for index in range(3):
        tp, fp, fn, tn = counts.category(index)
        assert [tn, fp, fn, tp] == pytest.approx(expected[index].ravel().tolist())


def test_every_item_is_counted_or_excluded(monkeypatch):
    monkeypatch.setattr(confusion, "_BLOCK_CELLS", 50)  # many blocks
    rng = np.random.default_rng(2)
    y, b = rng.integers(-1, 2, (333, 7)), rng.integers(-1, 2, (333, 7))
    counts = confusion_counts(y, b)
    assert (counts.tp + counts.fp + counts.fn + counts.tn + counts.n_excluded == 333).all()
    assert counts.n_excluded.tolist() == ((y < 0) | (b < 0)).sum(axis=0).tolist()


def test_missing_gold_leaves_its_category_only():
    y = np.array([[1, -1], [0, 1]], dtype=np.int8)
    counts = confusion_counts(y, np.ones_like(y))
    assert counts.category(0) == (1, 1, 0, 0)
    assert counts.category(1) == (1, 0, 0, 0)
    assert counts.n_excluded.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("y", "b", "match"),
    [
        (np.zeros((3, 2), int), np.zeros((2, 2), int), "one shape"),
        (np.zeros(3, int), np.zeros(3, int), "one shape"),
        (np.full((2, 1), 2), np.zeros((2, 1), int), "only -1"),
        (np.zeros((2, 1)), np.zeros((2, 1), int), "integer array"),
    ],
)
def test_confusion_counts_refuse_malformed_arrays(y, b, match):
    with pytest.raises(ValueError, match=match):
        confusion_counts(y, b)


@pytest.mark.parametrize("weight", [[1.0], [1.0, -1.0], [1.0, np.inf]])
def test_confusion_counts_refuse_malformed_weights(weight):
    y = np.zeros((2, 1), dtype=np.int8)
    with pytest.raises(ValueError, match="sample_weight"):
        confusion_counts(y, y, np.array(weight))


def test_no_items_is_not_an_error():
    counts = confusion_counts(np.zeros((0, 2), np.int8), np.zeros((0, 2), np.int8))
    assert counts.category(0) == (0, 0, 0, 0)
