"""One row of a golden set -> checked label codes.

Decides what a row may hold and says what is wrong with it. Rows are checked once, when the set is loaded; building
items afterwards (``items``) trusts them. What a value of a label means is decided in ``values``.

Labels are a mapping, ``{"hate": 1, "spam": null}``, or the list of what is violated, ``["hate"]``; one name, names
joined by the card's ``separator`` and ``{"choices": [...]}`` are lists too, and a whole number is a name: data sets
of the hub number their classes. A list says nothing about the other labels, so it is read only where the card does:
``absent_labels: negative``. In a list, a word that ``label_values`` maps to 0 says that nothing is violated, and one
that it maps to null that nobody labelled the row. Fields that the card names under ``ignore`` are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.files.golden.faults import Faults, label_field
from harness.files.golden.fields import MISSING, Fields, Row, slice_values
from harness.files.golden.modalities import modality_faults, names_beside, undeclared
from harness.files.golden.plain import Plain
from harness.files.golden.values import ABSENT, NULL, UNKNOWN, LabelValues, folded, yaml_key
from harness.files.pictures import leaves_folder, named_in
from harness.files.text import joined, quoted, shortened
from harness.records import GoldenCard

LABELS_ALLOWED = (
    'a mapping of label to 1, 0 or null, such as {"hate": 1}; '
    "with 'absent_labels: negative' also a list of the labels that are violated"
)
MOST_VOTES = 1_000
_INTS, _ZERO_ONE = frozenset((int,)), frozenset((0, 1))
_YES = frozenset(("true", "yes", "y", "x", "1"))
_NO = frozenset(("false", "no", "n", "", "0", "nan", "none"))


class RowReader:
    """Checks rows against a card: notes their ids, and appends their label codes."""

    def __init__(self, card: GoldenCard, faults: Faults, *, is_text: bool = False) -> None:
        self.fields = Fields(card)
        self.file_labels = self.fields.file_labels
        self.blank = bytes([ABSENT]) * len(self.file_labels)
        self.codes = bytearray()
        self.ids: list[str | None] = []
        self.must_catch: set[int] = set()
        self.pictures: list[str] = []
        self._beside_modalities = names_beside(card)
        self.faults = faults
        self._paths = card.fields
        self._must_catch_path = card.must_catch
        self._column = {name: at for at, name in enumerate(self.file_labels)}
        self._values = LabelValues(card, is_text=is_text)
        self._is_plain = self._values.is_plain
        self._takes_lists = card.absent_labels == "negative"
        self._separator = card.separator
        self._has_row_ids = card.id == "row"

    def add(self, row: Any, index: int) -> None:
        """Check one row, note its id and append its label codes."""
        if type(row) is not dict:
            self._fault(index, None, f"is {quoted(row)}", "one JSON object per line", "write {...} on each line")
            self.add_unread()
            return
        get = self.fields
        if not get.known.issuperset(row):
            self.faults.add_unknown_fields(index, row, get.known)
        if self._has_row_ids:
            self.ids.append(str(index + 1))
        else:
            self._add_id(get.id(row), index)
        images = get.images(row)
        if images is not MISSING and images is not None:
            self._check_images(images, index)
        text = get.text(row)
        if type(text) is str:
            if "\0" in text:
                self._fault(index, self._paths.text, "has a NUL character", "text without NUL", "remove the character")
        elif text is not None:
            self._no_text(text, images, row, index)
        labels = get.labels(row)
        if type(labels) is dict and not (len(labels) == 1 and "choices" in labels):
            self.codes += self._codes_of(labels, index)
        else:
            self.codes += self._listed_codes(labels, index)
        self._check_rest(row, index)

    def add_unread(self) -> None:
        """A row with nothing in it that could be read: a fault."""
        self.ids.append(None)
        self.codes += self.blank

    def add_plain(self, rows: Plain, index: int) -> None:
        """Take rows that were checked together, from ``index`` on."""
        self.codes += rows.codes
        n = len(rows.codes) // len(self.file_labels)
        self.ids += map(str, range(index + 1, index + 1 + n)) if self._has_row_ids else rows.ids

    def check_ids(self) -> None:
        """Once all rows are there: no id may be given twice."""
        if len({*self.ids}) == len(self.ids):
            return
        seen: dict[str, int] = {}
        for index, item_id in enumerate(self.ids):
            if item_id is not None and (first := seen.setdefault(item_id, index)) != index:
                self._duplicate_id(item_id, first, index)

    # ------------------------------------------------------------------------------------------------------- labels

    def _codes_of(self, labels: dict[str, Any], index: int) -> bytearray:
        column, is_plain = self._column, self._is_plain
        if is_plain and tuple(labels) == self.file_labels and _INTS.issuperset(map(type, labels.values())):
            plain = labels.values()  # every label in the card's order: most rows of most sets
            if _ZERO_ONE.issuperset(plain):
                return bytearray(plain)
        codes = bytearray(self.blank)
        for name, value in labels.items():
            at = column.get(name)
            if at is None:
                self.faults.add_unknown_label(index, name)
            elif is_plain and value is None:
                codes[at] = NULL
            elif is_plain and type(value) is int and 0 <= value <= 1:
                codes[at] = value
            elif (code := self._values.code(name, value)) is not None:
                codes[at] = code
            else:
                self.faults.add_value(index, label_field(self._paths.labels, name), value)
        return codes

    def _listed_codes(self, labels: Any, index: int) -> bytes:
        names = self._names(labels)
        if names is None or not self._takes_lists:
            self._bad_labels(labels, index, is_names=names is not None)
            return self.blank
        codes = bytearray(self.blank)
        is_unknown = False
        for name in names:
            at = self._column.get(name)
            if at is not None:
                codes[at] = 1
            elif (declared := self._values.declared(name)) is None and name:
                self.faults.add_unknown_label(index, name)
            elif declared == 1:
                self._word_of_one_label(codes, index, name)
            else:
                is_unknown = is_unknown or declared == UNKNOWN
        if is_unknown:
            codes = bytearray(UNKNOWN if code == ABSENT else code for code in codes)
        return bytes(codes)

    def _word_of_one_label(self, codes: bytearray, index: int, word: str) -> None:
        """A word that is declared to violate names no label; with one label it can only be that one."""
        if len(self.file_labels) == 1:
            codes[0] = 1
            return
        found = f"is '{shortened(word)}', which is declared to violate but names no label"
        hint = f"map it in the card: rename: {{{yaml_key(word)}: CATEGORY}}"
        self._fault(index, self._paths.labels, found, joined(self.file_labels), hint)

    def _names(self, labels: Any) -> list[str] | None:
        """The names of a list of labels, however it is written; None when it is none."""
        if type(labels) is dict:
            labels = labels["choices"]
        if type(labels) is str:
            return self._split(labels)
        if type(labels) is int:
            return [str(labels)]
        if type(labels) is list and all(type(name) in (str, int) for name in labels):
            labels = [str(name) for name in labels]
            return labels if self._separator is None else [part for name in labels for part in self._split(name)]
        return None

    def _split(self, text: str) -> list[str]:
        if text in self._column or self._separator is None or self._values.declared(text) is not None:
            return [text]
        if self._separator == " ":
            return text.split()
        return [part.strip() for part in text.split(self._separator)]

    def _bad_labels(self, labels: Any, index: int, *, is_names: bool) -> None:
        if type(labels) in (int, bool) and len(self.file_labels) == 1 and "." not in self._paths.labels:
            found = f"is {quoted(labels)}, a label without a name"
            name = f"rename: {{{yaml_key(self._paths.labels)}: {yaml_key(self.file_labels[0])}}}"
            hint = f"write in the card:\n    fields: {{labels: .}}\n    {name}"
        elif is_names:
            kind = "a list" if type(labels) is not str else quoted(labels)
            found = f"is {kind}, and what it leaves out is unknown"
            hint = "if a label that is not in the list is not violated, write 'absent_labels: negative' in the card"
        elif type(labels) is list:
            found = f"is a list with {quoted(next(name for name in labels if type(name) not in (str, int)))}"
            hint = "write names of labels"
        else:
            found = "is missing" if labels is MISSING else f"is {quoted(labels)}"
            hint = "add the labels, or say in the card where they are: 'fields: {labels: NAME}'"
        self._fault(index, self._paths.labels, found, LABELS_ALLOWED, hint)

    # ---------------------------------------------------------------------------------------------------- the rest

    def _add_id(self, item_id: Any, index: int) -> None:
        if type(item_id) is int:
            item_id = str(item_id)
        if type(item_id) is not str or not item_id or not item_id.isprintable():
            self._bad_id(item_id, index)
            item_id = None
        self.ids.append(item_id)

    def _bad_id(self, item_id: Any, index: int) -> None:
        hint = "give the row an id, or write 'id: row' in the card to number the rows"
        if item_id is MISSING or item_id is None:
            found = "is missing"
        elif type(item_id) is str and item_id:
            found = f"is '{shortened(item_id)}', with a control or invisible character"
        else:
            found = f"is {quoted(item_id)}"
            if type(item_id) is float:
                hint = "write ids as text or whole numbers: a decimal number may have lost digits"
        self._fault(index, self._paths.id, found, "a printable string or a whole number, unique in the set", hint)

    def _duplicate_id(self, item_id: str, first: int, index: int) -> None:
        path, line = self.faults.where(first)
        where = path if line is None else f"line {line}"
        found = f"is '{shortened(item_id)}', which {where} has already"
        hint = "give one of the two rows another id, or remove it"
        self._fault(index, self._paths.id, found, "each id once", hint)

    def _no_text(self, text: Any, images: Any, row: Row, index: int) -> None:
        field, allowed = self._paths.text, "a string, or null for a withheld text"
        if text is not MISSING:
            self._fault(index, field, f"is {quoted(text)}", allowed, "correct the row")
        elif not (type(images) is list and images) and not self._has_modality(row):
            hint = "add the text or images, or say in the card where the text is: 'fields: {text: NAME}'"
            self._fault(index, field, "is missing", allowed, hint)

    def _check_rest(self, row: Row, index: int) -> None:
        meta = row.get("meta")
        if meta is not None and type(meta) is not dict:
            self._fault(index, "meta", f"is {quoted(meta)}", "a mapping", "correct the row")
        for name, path, get in self.fields.slices:
            value = get(row) if path != self._paths.votes else None
            if type(value) is not str and slice_values(value) is None:
                allowed = f"text, a number, true/false or a list of those (slice '{name}')"
                hint = "correct the row, or point the slice elsewhere"
                self._fault(index, path, f"is {quoted(value)}", allowed, hint)
        paths, weight, group = self._paths, self.fields.weight(row), self.fields.group(row)
        is_weight = type(weight) in (int, float) and 0 < weight < float("inf")
        if weight is not MISSING and weight is not None and not is_weight:
            self._fault(index, paths.weight, f"is {quoted(weight)}", "a finite number above 0", "correct the weight")
        if group is not MISSING and group is not None and (type(group) not in (str, int) or group == ""):
            self._fault(index, paths.group, f"is {quoted(group)}", "a string or a whole number", "correct the group")
        votes = self.fields.votes(row)
        if votes is not MISSING and votes is not None:
            self._check_votes(votes, index)
        mark = self.fields.must_catch(row)
        if mark is not MISSING:
            self._note_must_catch(mark, row, index)
        if self.fields.modalities:
            self._check_modalities(row, index)
        for fault in undeclared(row, self._beside_modalities):
            self._fault(index, *fault)

    def _check_modalities(self, row: Row, index: int) -> None:
        for name, path, get in self.fields.modalities:
            part = get(row)
            if part is MISSING or part is None:
                continue
            for fault in modality_faults(name, path, part):
                self._fault(index, *fault)
            self._note_pictures(path, [one.name for one in named_in(name, part)], index)

    def _note_must_catch(self, value: Any, row: Row, index: int) -> None:
        """True for an item that no candidate may miss; tables write it as 1, 0 or words."""
        if folded(value) in _NO:
            return
        path, images = self._must_catch_path, self.fields.images(row)
        is_shown = type(self.fields.text(row)) is str or (type(images) is list and images) or self._has_modality(row)
        if folded(value) not in _YES:
            hint = "write true, or leave the field out"
            self._fault(index, path, f"is {quoted(value)}", "true or false", hint)
        elif not is_shown:
            hint = "restore the text, or leave the field out"
            self._fault(index, path, "is true for a withheld text", "true for shown items", hint)
        else:
            self.must_catch.add(index)

    def _has_modality(self, row: Row) -> bool:
        return any(value(row) not in (MISSING, None, "", []) for _, _, value in self.fields.modalities)

    def _check_votes(self, votes: Any, index: int) -> None:
        field = self._paths.votes
        allowed = 'a list of {"annotator": NAME, "labels": {LABEL: 1|0|null}}, or {LABEL: [votes for, votes cast]}'
        if type(votes) is dict:
            self._check_counts(votes, index, allowed)
            return
        if type(votes) is not list:
            self._fault(index, field, f"is {quoted(votes)}", allowed, "correct the votes")
            return
        voters = set()
        for at, vote in enumerate(votes):
            here = f"{field}.{at}"
            annotator, labels = (vote.get("annotator"), vote.get("labels")) if type(vote) is dict else (None, None)
            if type(annotator) not in (str, int) or annotator == "" or type(labels) is not dict:
                self._fault(index, here, f"is {quoted(vote)}", allowed, "correct the vote")
                continue
            if str(annotator) in voters:
                self._fault(index, here, f"is a second vote of '{shortened(annotator)}'", "one vote each", "keep one")
            voters.add(str(annotator))
            for name, value in labels.items():
                if name not in self._column:
                    self.faults.add_unknown_label(index, name, field=f"{here}.labels.{name}")
                elif value is not None and self._values.code(name, value) is None:
                    self.faults.add_value(index, f"{here}.labels.{name}", value)

    def _check_counts(self, counts: dict[str, Any], index: int, allowed: str) -> None:
        for name, pair in counts.items():
            if name not in self._column:
                self.faults.add_unknown_label(index, name, field=f"{self._paths.votes}.{name}")
            elif not is_vote_count(pair):
                self._fault(index, f"{self._paths.votes}.{name}", f"is {quoted(pair)}", allowed, "correct the counts")

    def _check_images(self, images: Any, index: int) -> None:
        is_list = type(images) is list and all(type(name) is str and name for name in images)
        if not is_list:
            self._fault(index, self._paths.images, f"is {quoted(images)}", "a list of file names", 'write ["NAME.png"]')
            return
        self._note_pictures(self._paths.images, images, index)

    def _note_pictures(self, field: str, names: Sequence[str], index: int) -> None:
        self.pictures += names
        for name in names:
            if leaves_folder(name):
                found = f"has '{shortened(name)}', which leaves the folder of the set"
                allowed = "paths inside the folder of the items file"
                self._fault(index, field, found, allowed, "move the image beside the items")

    def _fault(self, index: int, field: str | None, found: str, allowed: str, next_step: str) -> None:
        self.faults.add(index, field, found, allowed, next_step)


def is_vote_count(pair: Any) -> bool:
    """Whether a pair is votes for and votes cast."""
    is_pair = type(pair) is list and len(pair) == 2 and all(type(n) is int for n in pair)
    return is_pair and 0 <= pair[0] <= pair[1] <= MOST_VOTES
