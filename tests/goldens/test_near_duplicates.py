"""Near duplicates: what counts as one, that none is missed or invented, and the groups a release makes of them."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from public_sets import write_dataset

from harness.cli import main
from harness.files.golden.sets import load_golden
from harness.goldens.grouping import groups_of_copies
from harness.goldens.near_duplicates import near_duplicates, shingles
from tests.goldens.small_set import one_category as small


def groups_of(texts, **options):
    return near_duplicates(iter(texts), lambda wanted: (texts[at] for at in wanted), **options)


SENTENCE = "nobody should ever have to read such a long and tiresome sentence about the weather in November"


@pytest.mark.parametrize(
    ("one", "other", "is_near"),
    [
        (SENTENCE, SENTENCE, True),
        (SENTENCE, SENTENCE.upper(), True),
        (SENTENCE, f"  {SENTENCE.replace(' ', '   ')}!", True),
        (SENTENCE, SENTENCE.replace("November", "Novembre"), True),
        (SENTENCE, SENTENCE[: len(SENTENCE) // 2], False),
        (SENTENCE, "an entirely different sentence that shares no more than a few letters with it", False),
        ("ok", "OK ", True),
        ("ok", "no", False),
        ("", "", False),
        (None, None, False),
        ("안녕하세요 여러분 반갑습니다 오늘 날씨가 좋네요", "안녕하세요 여러분 반갑습니다 오늘 날씨가 좋네요!", True),
    ],
)
def test_what_is_nearly_the_same(one, other, is_near):
    assert groups_of([one, "something in between", other]) == ([[0, 2]] if is_near else [])


def test_every_pair_that_measures_similar_is_found_and_no_other():
    rng = random.Random(5)
    words = [f"w{rng.randrange(5_000)}" for _ in range(400)]
    texts = []
    for _ in range(120):
        base = [rng.choice(words) for _ in range(rng.randrange(8, 20))]
        texts.append(" ".join(base))
        changed = list(base)
        for _ in range(rng.randrange(0, 4)):
            changed[rng.randrange(len(changed))] = rng.choice(words)
        texts.append(" ".join(changed))
    grams = [shingles(text) for text in texts]
    near = {
        (a, b)
        for a in range(len(texts))
        for b in range(a + 1, len(texts))
        if len(grams[a] & grams[b]) / len(grams[a] | grams[b]) >= 0.8
    }
    found = groups_of(texts)
    joined = {(a, b) for group in found for a in group for b in group if a < b}
    assert near <= joined
    assert len(near) > 20
    for group in found:
        assert all(any((min(a, b), max(a, b)) in near for b in group if b != a) for a in group)


def _templates(rng, n):
    """Sentences with two slots that are filled from a few words."""
    words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(2, 9))) for _ in range(500)]
    for _ in range(n // 60):
        base = [rng.choice(words) for _ in range(rng.randrange(14, 25))]
        slots = rng.sample(range(len(base)), 2)
        for _ in range(60):
            for slot in slots:
                base[slot] = rng.choice(words[:40])
            yield " ".join(base)


@pytest.mark.parametrize("seed", range(2))
def test_few_similar_pairs_of_templates_are_missed(seed):
    """Each text was compared with the first of its band only: one similar pair in ten stayed apart."""
    rng = random.Random(seed)
    texts = list(_templates(rng, 240))
    rng.shuffle(texts)
    grams = [shingles(text) for text in texts]
    near = [
        (a, b)
        for a in range(len(texts))
        for b in range(a + 1, len(texts))
        if len(shared := grams[a] & grams[b]) >= 0.8 * (len(grams[a]) + len(grams[b]) - len(shared))
    ]
    group_of = {at: number for number, group in enumerate(groups_of(texts)) for at in group}
    missed = [pair for pair in near if group_of.get(pair[0], -1) != group_of.get(pair[1], -2)]
    assert len(near) > 200
    assert len(missed) <= 0.02 * len(near)


_MILLION = """
import random, sys, time
sys.path.insert(0, {tests!r})
from peak import peak_megabytes
from harness.goldens.near_duplicates import near_duplicates
n = int(sys.argv[1])
words = ["".join(random.Random(at).choices("abcdefghijklmnopqrstuvwxyz", k=2 + at % 8)) for at in range(20_000)]
def text(at):  # every tenth differs in one word from the one before it
    rng = random.Random(at - 1 if at % 10 == 9 else at)
    found = [words[int(20_000 * rng.random() ** 3)] for _ in range(8 + at // 10 % 16)]
    return " ".join(found[:-1] if at % 10 == 9 else found)
began = time.process_time()
groups = near_duplicates(map(text, range(n)), lambda wanted: map(text, wanted))
print(time.process_time() - began, peak_megabytes(), sum(map(len, groups)))
"""


@pytest.mark.million
@pytest.mark.slow
def test_a_million_texts_in_ten_minutes_and_four_gigabytes():
    code = _MILLION.format(tests=str(Path(__file__).parents[1]))
    done = subprocess.run([sys.executable, "-c", code, "1000000"], capture_output=True, text=True, check=True)
    seconds, megabytes, n_near = map(float, done.stdout.split())
    print(f"near duplicates of 1,000,000 texts: {seconds:.0f} s, {megabytes:,.0f} MB")
    assert n_near > 100_000
    assert seconds < 600
    assert megabytes < 4_000


ROWS = [
    {"id": "a", "text": SENTENCE, "labels": {"hate": 1}},
    {"id": "b", "text": "an unrelated remark on football", "labels": {"hate": 0}, "group": "g"},
    {"id": "c", "text": SENTENCE + "!", "labels": {"hate": 0}},
    {"id": "d", "text": "another remark, this time on cooking", "labels": {"hate": 1}, "group": "g"},
    {"id": "e", "text": "an unrelated remark on football.", "labels": {"hate": 0}},
]


def test_check_names_near_copies_that_contradict_or_stand_alone(tmp_path):
    result = CliRunner().invoke(main, ["golden", "check", str(small(tmp_path, ROWS))])
    assert result.exit_code == 0, result.output
    assert "1 group of nearly equal texts with different labels (a ~ c)" in result.output
    assert "2 groups of nearly equal texts without a common group, 4 rows" in result.output
    strict = CliRunner().invoke(main, ["golden", "check", str(tmp_path / "golden_sets/s_v1.yaml"), "--strict"])
    assert strict.exit_code == 1


def test_copies_and_the_groups_there_are_become_one_group(tmp_path):
    golden = load_golden(small(tmp_path, ROWS), None)
    assert groups_of_copies(golden) == {0: "copies of a", 2: "copies of a", 4: "g"}


def test_a_release_groups_copies_and_changes_no_label(tmp_path):
    card = small(tmp_path, ROWS)
    result = CliRunner().invoke(main, ["golden", "release", str(card), "--group-duplicates", "--author", "amal"])
    assert result.exit_code == 0, result.output
    assert "3 items got a group" in result.output
    before, after = load_golden(card, None), load_golden(tmp_path / "golden_sets/s_v2.yaml", None)
    assert [item.group for item in after.items()] == ["copies of a", "g", "copies of a", "g", "g"]
    assert (before.labels() == after.labels()).all()
    again = CliRunner().invoke(main, ["golden", "check", str(tmp_path / "golden_sets/s_v2.yaml")])
    assert "without a common group" not in again.output


def test_copies_on_both_sides_of_a_split_are_leakage(tmp_path):
    rows = [{"id": f"i{at}", "text": SENTENCE + "!" * (at % 3), "labels": {"hate": at % 2}} for at in range(12)]
    card = small(tmp_path, rows)
    (tmp_path / "evals/rules.yaml").write_text("rules: r\nversion: 1\ncategories: {hate: {words: [weather]}}\n")
    (tmp_path / "evals/e.yaml").write_text(
        "eval: e\npolicy: policies/p.yaml\ngolden_set: ../golden_sets/s_v1.yaml\n"
        "candidates: {a: {recorded: d.jsonl}}\nbaseline: a\nsplit: {dev: 0.5, by: group, seed: 7}\n"
    )
    (tmp_path / "evals/d.jsonl").write_text(
        "".join(json.dumps({"id": r["id"], "decisions": {"hate": 1}}) + "\n" for r in rows)
    )
    result = CliRunner().invoke(main, ["golden", "check", str(card), "--eval", str(tmp_path / "evals/e.yaml")])
    assert result.exit_code == 0, result.output
    assert "in both the dev and the gate part" in result.output


def test_known_copies_of_a_public_set_are_among_the_near_ones(tmp_path):
    golden = load_golden(write_dataset("openai_moderation", tmp_path), None)
    texts = [item.text for item in golden.items()]
    found = groups_of(texts)
    positions = {at for group in found for at in group}
    seen = {}
    copies = [at for at, text in enumerate(texts) if text is not None and seen.setdefault(text, at) != at]
    assert len(copies) == 9
    assert set(copies) <= positions


def picture(path, colour):
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), colour).save(path)


def with_pictures(folder):
    """Two pictures of the same bytes under two names, and one caption under two pictures."""
    rows = [
        {"id": "a", "text": SENTENCE, "images": ["red.png"], "labels": {"hate": 1}},
        {"id": "b", "text": SENTENCE + "!", "images": ["blue.png"], "labels": {"hate": 0}},
        {"id": "c", "text": SENTENCE + ".", "images": ["red2.png"], "labels": {"hate": 0}},
        {"id": "d", "images": ["red.png"], "labels": {"hate": 1}},
        {"id": "e", "images": ["red2.png"], "labels": {"hate": 0}},
        {"id": "f", "images": ["blue.png"], "labels": {"hate": 0}},
    ]
    card = small(folder, rows)
    for name in ("red.png", "red2.png", "blue.png"):
        picture(card.parent / name, name[:3] if name.startswith("red") else "blue")
    return card


def test_a_caption_under_two_pictures_is_no_copy_and_one_picture_under_two_names_is(tmp_path):
    """Near duplicates looked at texts alone."""
    card = with_pictures(tmp_path)
    golden = load_golden(card, None)
    assert groups_of_copies(golden) == {0: "copies of a", 2: "copies of a", 3: "copies of d", 4: "copies of d"}
    said = CliRunner().invoke(main, ["golden", "check", str(card)]).output
    assert "1 group of nearly equal texts with different labels (a ~ c)" in said
    assert "1 repeated text with different labels (d = e)" in said


def test_the_audit_takes_a_picture_under_another_name_for_a_copy(tmp_path):
    found = CliRunner().invoke(main, ["golden", "audit", str(with_pictures(tmp_path)), "--json"])
    conflicts = {one["item"]: one["conflicts"] for one in json.loads(found.output)["suspicious"]}
    assert conflicts == {"d": ["e"], "e": ["d"]}
