"""A pool of a million rows: time of the processor and memory of one draw."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from public_sets import ROOT

N = 1_000_000
MOST_S, MOST_MB = 600, 4_000
CODE = """
import time
from harness.goldens.pool import open_pool
from harness.goldens.pool_sample import Asked, sample_pool
from harness.goldens.pool_strata import Design
from tests.peak import peak_megabytes
start = time.process_time()
sample = sample_pool(open_pool([{path!r}]), Asked(2_000, Design(scores=("score",), by=("lang",)), views="views"))
print(sample.population, len(sample.items), time.process_time() - start, peak_megabytes())
"""


@pytest.mark.million
def test_a_sample_of_a_million_rows_fits(tmp_path):
    rng = np.random.default_rng(0)
    words = np.array(["".join(rng.choice(list("abcdefghijklmnop"), 6)) for _ in range(5_000)])
    texts = [" ".join(row) for row in words[rng.zipf(1.3, size=(N, 12)) % len(words)]]
    table = {"id": [f"p{at}" for at in range(N)], "text": texts, "lang": rng.choice(["en", "de", "pt"], N),
             "score": rng.beta(1, 8, N), "views": rng.lognormal(3, 2, N).astype(int)}  # fmt: skip
    path = tmp_path / "pool.parquet"
    pq.write_table(pa.table(table), path)
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(path=str(path))], cwd=ROOT, capture_output=True, text=True, check=True
    )
    population, drawn, seconds, megabytes = map(float, done.stdout.split())
    print(f"\na sample of {N:,} rows: {seconds:.0f} s of the processor, {megabytes:.0f} MB")
    assert (population, drawn) == (N, 2_000)
    assert seconds < MOST_S
    assert megabytes < MOST_MB
