"""Reads stored runs back as arrays, from a local folder or any fsspec address.

Decides how a run is found and which rows are a candidate's. What the files hold is decided by ``layout``; what the
numbers mean by ``decisions`` and ``scoring``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from harness.errors import HarnessError
from harness.records import MISSING, Prevalence, RunMeta
from harness.records.answers import REJECTED
from harness.runs.arrow import matrix_of, members_of, number_array, numpy_of, places_of, string_array
from harness.runs.commands import list_them
from harness.runs.folder import RunFolder, input_text, is_remote
from harness.runs.layout import (
    ALL_OUTCOMES,
    ITEMS_FILE,
    META_FILE,
    OLD_PREFIX,
    PREDICTIONS_FILE,
    STAGES,
    TO_PERSON,
    CandidateRows,
    TextColumn,
)
from harness.runs.meta import read_meta
from harness.runs.split import Part, is_dev
from harness.runs.stored_candidate import StoredCandidate

LATER_COLUMNS = frozenset({REJECTED, TO_PERSON, STAGES})
"""Columns that runs of earlier versions do not have."""
CODED = ("candidate", "outcome")
"""Columns of few values, which can be read as codes."""
KEPT_BYTES = 256 << 20
"""Rows of candidates that a run keeps in memory, so that one command reads each of them once."""
ASK_PEOPLE = frozenset({"cascade", "vote"})
"""Kinds of candidate that can leave a decision to a person."""


class Chosen(NamedTuple):
    """Items by their positions, and the choices that led to them."""

    positions: Sequence[int]
    choices: Sequence[str]


class Run:
    """A stored run, or a part of its items. Arrays are read when they are first asked for.

    Where the eval declares a split, a run shows its ``gate`` part unless another one is asked for, so that whatever
    reads it (scores, comparisons, gates, reports) leaves out the items on which thresholds were chosen.

    Args:
        meta: Content of its run.json, about all of its items.
        part: Items to show; ``gate`` for None when the eval has a split, else ``all``.
        chosen: The only items to show, whatever the part; all for None.
    """

    def __init__(
        self, folder: RunFolder, meta: RunMeta, part: Part | None = None, chosen: Chosen | None = None
    ) -> None:
        self._chosen = chosen
        self._read: dict[str, CandidateRows] = {}
        self._folder = folder
        self.meta = meta
        self.path = folder.address
        has_gate_items = meta.eval.split and "split=dev" not in meta.only
        self.part: Part = part or ("gate" if has_gate_items else "all")
        self.categories = meta.categories
        self.candidates = meta.candidates

    @cached_property
    def all_items(self) -> pa.Table:
        """The table of all items of the run, whatever its part shows."""
        return self._items_with(["item_id", "group", *(f"label.{one}" for one in self.categories)])

    @property
    def all_ids(self) -> pa.ChunkedArray:
        """The ids of all items of the run, where no more is asked of them."""
        return self._items_with(["item_id"], ["item_id"])["item_id"]

    def _items_with(self, required: Sequence[str], columns: list[str] | None = None) -> pa.Table:
        with self._reading(ITEMS_FILE) as file:
            self._require(ITEMS_FILE, required, file.schema_arrow)
            table = file.read(columns)
        if table.num_rows != self.meta.n_items:
            raise self._damaged(ITEMS_FILE, f"{table.num_rows} items instead of {self.meta.n_items}")
        return table

    @cached_property
    def _kept(self) -> NDArray[np.int64] | None:
        """Positions of the shown items among those of the run; None for all."""
        kept = self._of_part
        if self._chosen is None:
            return kept
        chosen = np.asarray(self._chosen.positions, dtype=np.int64)
        both = chosen if kept is None else np.intersect1d(kept, chosen)
        if not both.size:
            raise HarnessError(
                f"run {self.meta.run_id}: none of the chosen items is in its part '{self.part}'",
                allowed="items of that part",
                next_step="choose other items, or the other part of the split",
            )
        return both

    @cached_property
    def _of_part(self) -> NDArray[np.int64] | None:
        """Positions of the part's items among those of the run; None for all."""
        if self.part == "all":
            return None
        split = self.meta.eval.split
        if split is None:
            raise HarnessError(
                f"run {self.meta.run_id} has no part '{self.part}': its eval declares no split",
                allowed="the run as a whole",
                next_step="add 'split: {dev: 0.4, by: group, seed: 7}' to the eval and run it again",
            )
        in_dev = is_dev(self.all_items["item_id"].to_pylist(), self.all_items["group"].to_pylist(), split)
        kept = np.flatnonzero(in_dev if self.part == "dev" else ~in_dev)
        if not kept.size:
            raise HarnessError(
                f"run {self.meta.run_id}: the split leaves no item to the part '{self.part}'",
                allowed="a split whose parts both have items",
                next_step="run more items, or change dev, by or seed of the eval's split",
            )
        return kept

    @cached_property
    def _items(self) -> pa.Table:
        kept = self._kept
        return self.all_items if kept is None else self.all_items.take(number_array(kept.tolist(), pa.int64()))

    def of_part(self, part: Part) -> Run:
        """The same run with the items of one part: ``dev``, ``gate`` or ``all``."""
        return Run(self._folder, self.meta, part, self._chosen)

    def whole_part(self, part: Part) -> Run:
        """All items of a part, also where only some of this one's are shown."""
        return Run(self._folder, self.meta, part)

    def with_items(self, positions: Sequence[int], only: Sequence[str]) -> Run:
        """The run and part with some of its items only: their positions among all, and the choice in words."""
        return Run(self._folder, self.meta, self.part, Chosen(positions, only))

    @property
    def only(self) -> tuple[str, ...]:
        """How the items were chosen by hand, in the run or since; empty: they were not."""
        return (*self.meta.only, *(self._chosen.choices if self._chosen else ()))

    @property
    def items_table(self) -> pa.Table:
        """The items of the part: ids, labels, groups, weights, slices; no texts."""
        return self._items

    @cached_property
    def item_ids(self) -> list[str]:
        """Ids in golden order."""
        ids: list[str] = self._items["item_id"].to_pylist()
        return ids

    @cached_property
    def y_true(self) -> NDArray[np.int8]:
        """Gold, int8 (n_items, n_categories): 1, 0, or -1 missing."""
        return matrix_of(self._items, "label", self.categories, MISSING, np.int8)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Sampling weight per item."""
        return numpy_of(self._items["weight"], null=np.nan)

    @cached_property
    def is_withheld(self) -> NDArray[np.bool_]:
        """Items that had nothing to show."""
        return numpy_of(self._items["withheld"])

    @cached_property
    def must_catch(self) -> NDArray[np.bool_]:
        """Items that no candidate may miss; runs of earlier versions have none."""
        if "must_catch" not in self._items.column_names:
            return np.zeros(len(self.item_ids), dtype=np.bool_)
        return numpy_of(self._items["must_catch"])

    @cached_property
    def groups(self) -> list[str | None]:
        """Group per item (thread, template); None for none."""
        groups: list[str | None] = self._items["group"].to_pylist()
        return groups

    @cached_property
    def clusters(self) -> NDArray[np.int64] | None:
        """Cluster code per item, an item without a group being its own; None when there are no groups."""
        return cluster_codes(self.groups)

    @cached_property
    def slices(self) -> Mapping[str, Mapping[str, NDArray[np.int64]]]:
        """Slice name -> value -> indices of its items; an item may have several values or none."""
        found: dict[str, dict[str, NDArray[np.int64]]] = {}
        names = [one.removeprefix("slice.") for one in self._items.column_names if one.startswith("slice.")]
        for name in names:
            members: dict[str, list[int]] = {}
            for index, values in enumerate(self._items[f"slice.{name}"].to_pylist()):
                for value in values or ():
                    members.setdefault(value, []).append(index)
            found[name] = {value: np.asarray(members[value], dtype=np.int64) for value in sorted(members)}
        return found

    @cached_property
    def text_hashes(self) -> list[str | None]:
        """Sha256 of each item's text; None where there is none."""
        hashes: list[str | None] = self._items["text_sha256"].to_pylist()
        return hashes

    def prevalence(self, category: str) -> Prevalence | None:
        """What the policy says about the category's share in production; None for nothing."""
        return self.meta.policy.category(category).prevalence

    def __getitem__(self, name: str) -> StoredCandidate:
        return StoredCandidate(self, name)

    def candidate(self, name: str) -> CandidateRows:
        """One candidate's rows, not to be written to: whoever asks again gets the same arrays."""
        if name not in self._read:
            rows = self._candidate(name)
            while self._read and rows.n_bytes + sum(one.n_bytes for one in self._read.values()) > KEPT_BYTES:
                del self._read[next(iter(self._read))]
            if rows.n_bytes > KEPT_BYTES:
                return rows
            self._read[name] = rows
        return self._read[name]

    def _candidate(self, name: str) -> CandidateRows:
        columns = [f"{part}.{category}" for part in ("decision", "score") for category in self.categories]
        counted = ["input_tokens", "cached_tokens", "output_tokens"]
        asks_people = self.meta.fingerprint(name).get("kind") in ASK_PEOPLE
        also = [TO_PERSON] if asks_people else []
        table = self.coded_rows(name, ["outcome", *columns, "latency_ms", *counted, "cost_usd", "cached", *also])
        sent = members_of(table, TO_PERSON, self.categories)
        shape = (self.meta.n_items, self.meta.repeats)
        cube = (*shape, len(self.categories))
        kept: Any = slice(None) if self._kept is None else self._kept
        return CandidateRows(
            outcomes=self.outcomes_of(table).reshape(shape)[kept],
            y_pred=matrix_of(table, "decision", self.categories, MISSING, np.int8).reshape(cube)[kept],
            y_score=matrix_of(table, "score", self.categories, np.nan, np.float64).reshape(cube)[kept],
            latency_ms=numpy_of(table["latency_ms"], null=np.nan).reshape(shape)[kept],
            tokens={column: numpy_of(table[column]).reshape(shape)[kept] for column in counted},
            cost_usd=numpy_of(table["cost_usd"], null=np.nan).reshape(shape)[kept],
            is_cached=numpy_of(table["cached"]).reshape(shape)[kept],
            to_person=None if sent is None else sent.reshape(cube)[kept],
        )

    def texts(self, candidate: str, column: TextColumn) -> list[list[str | None]]:
        """Rationales, errors or response keys of one candidate: per item, one for each repeat."""
        table = self.rows(candidate, [column])
        values = table[column].to_pylist() if column in table.column_names else [None] * table.num_rows
        repeats = self.meta.repeats
        every = [values[start : start + repeats] for start in range(0, len(values), repeats)]
        return every if self._kept is None else [every[index] for index in self._kept.tolist()]

    def input_text(self, kind: str) -> str | None:
        """The text of an input as it was (``prompt:v1``, ``policy``); None when it was not kept."""
        return input_text(self._folder, self.meta, kind)

    def rows(self, candidate: str, columns: Sequence[str]) -> pa.Table:
        """The rows of one candidate; each has the same number, and they lie together.

        The column ``outcome`` says "rejected" where the file says "error" and marks the row as rejected.
        """
        table = self._rows_of(candidate, columns)
        if "outcome" not in columns or REJECTED not in table.column_names:  # runs of earlier versions have no such mark
            return table
        place = table.column_names.index("outcome")
        import pyarrow.compute as pc  # 9 MB that no run needs

        said = pc.if_else(table[REJECTED], string_array([REJECTED])[0], table["outcome"].cast(pa.string()))
        table = table.set_column(place, "outcome", said)
        return table if REJECTED in columns else table.drop_columns([REJECTED])

    def coded_rows(self, candidate: str, columns: Sequence[str]) -> pa.Table:
        """The rows of one candidate with the columns of ``CODED`` as codes; ``outcomes_of`` reads the outcomes."""
        return self._rows_of(candidate, columns, CODED)

    def _rows_of(self, candidate: str, columns: Sequence[str], coded: Sequence[str] = ()) -> pa.Table:
        if candidate not in self.candidates:
            raise HarnessError(
                f"run {self.meta.run_id} has no candidate '{candidate}'", allowed=", ".join(self.candidates)
            )
        wanted = [*columns, REJECTED] if "outcome" in columns and REJECTED not in columns else columns
        with self._reading(PREDICTIONS_FILE, coded) as file:
            return self._slice_of(file, candidate, wanted)

    def _slice_of(self, file: pq.ParquetFile, candidate: str, columns: Sequence[str]) -> pa.Table:
        n_rows = self.meta.n_items * self.meta.repeats
        if file.metadata.num_rows != n_rows * len(self.candidates):
            expected = n_rows * len(self.candidates)
            raise self._damaged(PREDICTIONS_FILE, f"{file.metadata.num_rows} rows instead of {expected}")
        first = self.candidates.index(candidate) * n_rows
        groups: list[int] = []
        start = skipped = 0
        for number in range(file.metadata.num_row_groups):
            end = start + file.metadata.row_group(number).num_rows
            if end > first and start < first + n_rows:
                skipped = skipped if groups else first - start
                groups.append(number)
            start = end
        schema = file.schema_arrow  # made anew whenever it is asked for
        known = [name for name in columns if name not in LATER_COLUMNS or name in schema.names]
        self._require(PREDICTIONS_FILE, known, schema)
        return file.read_row_groups(groups, columns=known).slice(skipped, n_rows)

    def outcomes_of(self, table: pa.Table) -> NDArray[np.int8]:
        """Codes into ``ALL_OUTCOMES`` of coded rows."""
        codes = places_of(table["outcome"], ALL_OUTCOMES)
        if REJECTED in table.column_names:  # runs of earlier versions have no such mark
            codes[numpy_of(table[REJECTED])] = ALL_OUTCOMES.index(REJECTED)
        if (codes < 0).any():
            raise self._damaged(PREDICTIONS_FILE, "holds outcomes that are none")
        return codes.astype(np.int8)

    @contextmanager
    def _reading(self, name: str, coded: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
        """A file of the run; whatever is wrong with it, at its head or in its middle, is one message."""
        try:
            yield pq.ParquetFile(self._folder.source(name), read_dictionary=list(coded))
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(name, str(error) or type(error).__name__) from None

    def _require(self, name: str, columns: Sequence[str], schema: pa.Schema) -> None:
        missing = sorted(set(columns) - set(schema.names))
        if missing:
            raise self._damaged(name, f"has no column {', '.join(missing)}")

    def _damaged(self, name: str, found: str) -> HarnessError:
        return HarnessError(
            f"{self.path}/{name}: {found}",
            allowed="the files as the run wrote them",
            next_step="run it again; what was answered is in the response cache",
        )


def open_run(path_or_id: str | Path, runs_dir: str | Path = "runs") -> Run:
    """Open a run by its folder, its id, or a beginning of the id that only one run has.

    Raises:
        HarnessError: There is no such run, several begin with this id, or its run.json cannot be read.
    """
    text = str(path_or_id)
    _check_name(text, runs_dir)
    if is_remote(text) or Path(text).is_dir():
        folder = RunFolder(text)
        content = folder.read(META_FILE)
        if content is not None:
            return Run(folder, read_meta(content, f"{text}/{META_FILE}"))
        raise HarnessError(f"{text}: no {META_FILE} there", allowed="the folder of a finished run")
    home = RunFolder(runs_dir)
    for name in (text, OLD_PREFIX + text):  # the second is there when a replacement was killed half-way
        content = home.read(f"{name}/{META_FILE}")
        if content is not None:
            return Run(home.child(name), read_meta(content, f"{runs_dir}/{name}/{META_FILE}"))
    names = [name for name in home.names() if not name.startswith(".")]
    matching = [name for name in names if name.startswith(text)]
    if len(matching) == 1:
        return open_run(matching[0], runs_dir)
    shown = ", ".join((matching or names)[-10:])
    found = f"{len(matching)} runs begin with '{text}'" if matching else f"no run '{text}' in {runs_dir}"
    raise HarnessError(found, allowed=shown or "none yet", next_step=list_them(runs_dir))


def _check_name(text: str, runs_dir: str | Path) -> None:
    """Refuse what no file system takes for the name of a folder."""
    if "\0" in text or any(len(part.encode("utf-8", "surrogatepass")) > 255 for part in text.split("/")):
        raise HarnessError(
            f"no run '{text[:40]}...': that is no name of a folder",
            allowed="the id of a run, or its folder",
            next_step=list_them(runs_dir),
        )


def cluster_codes(groups: Sequence[str | None]) -> NDArray[np.int64] | None:
    """Cluster code per item, an item without a group being its own; None when there are no groups."""
    if all(group is None for group in groups):
        return None
    codes: dict[str, int] = {}
    found = [
        len(groups) + index if group is None else codes.setdefault(group, len(codes))
        for index, group in enumerate(groups)
    ]
    return np.unique(np.asarray(found, dtype=np.int64), return_inverse=True)[1].astype(np.int64)
