"""What a target or an answer of another harness's run says of each category.

Decides which categories targets name, and how words are read: a word that reads as yes or no is one of the only
category, a category's name names it. Answers in JSON are read by the harness's own parser (``parsers.json_answer``);
one with a field such as ``label`` or ``flagged`` instead is read by its words. What contradicts itself is unparsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from harness.candidates.names import NameIndex
from harness.candidates.parsers.base import ParseContext, Parsed, unparsed
from harness.candidates.parsers.beside import unless_denied
from harness.candidates.parsers.json_answer import NO_OBJECT, NO_VERDICT, parse_json
from harness.candidates.parsers.scan import BrokenObjectError, json_objects
from harness.candidates.parsers.text import answer_text, plain, unfenced
from harness.errors import HarnessError
from harness.files.golden.guess import structure
from harness.files.golden.values import folded, meaning, names_category
from harness.files.text import joined
from harness.goldens.imports.guess_plan import category_id
from harness.goldens.imports.plan import Plan, parted
from harness.records import PromptHeader

_FIELDS = ("label", "labels", "verdict", "answer", "flagged")
_MOST_WORDS = 60
_LONGEST_LIST = 200
_NOTHING = "none of them"


class AnswerWords:
    """The categories of a run, and the reader of its targets and answers.

    Args:
        targets: What each item should have been answered, None where nobody said.
        plan: ``names`` maps words to categories, ``values`` words to 1, 0 or null.

    Raises:
        HarnessError: Targets are texts, not names of categories.
    """

    def __init__(self, targets: Iterable[Any], plan: Plan) -> None:
        self._values = {folded(value): code for value, code in plan.values.items()}
        self._names = {folded(name): category for name, category in plan.names.items()}
        words: dict[str, None] = {}
        for target in targets:
            words.update(dict.fromkeys(_named(target)))
            _require_few(words, self._names)
        naming = [word for word in words if self._is_name(word)]
        own = dict.fromkeys([*plan.names.values(), *map(self._category, naming)])
        self.categories = tuple(own) or ("violation",)
        self._by_word = {folded(category): category for category in self.categories}
        self._by_word |= {folded(word): self._category(word) for word in naming}
        self._context = ParseContext(PromptHeader("imported", "json"), self._index(words, naming, plan))

    def labels(self, target: Any) -> dict[str, int | None]:
        """The label that a target gives each category; None where it says nothing that can be read."""
        said = self.read(target)
        is_read = said.outcome == "ok"
        return {name: said.decisions.get(name) if is_read else None for name in self.categories}

    def read(self, said: Any) -> Parsed:
        """What an answer decides."""
        if said is None or (isinstance(said, str) and not said.strip()):
            return unparsed("the answer is empty")
        if isinstance(said, str):
            return self._text(answer_text(said))
        if isinstance(said, dict | list):
            return self._structure(said)
        return self._parsed(self._of_words(_words(said)))

    def _index(self, words: Iterable[str], naming: Iterable[str], plan: Plan) -> NameIndex:
        """The names that answers may use; words that say no name nothing that is asked about."""
        names: dict[str, list[str]] = {category: [category] for category in self.categories}
        for word in [*plan.names, *naming]:
            names[self._category(word)].append(word)
        if len(self.categories) == 1:
            names[self.categories[0]] += [
                word for word in [*words, *plan.values] if folded(word) not in self._by_word and self._code(word) == 1
            ]
        names[_NOTHING] = ["none", *(word for word, code in plan.values.items() if code == 0)]
        return NameIndex(self.categories, {name: tuple(dict.fromkeys(own)) for name, own in names.items()})

    def _is_name(self, word: str) -> bool:
        return folded(word) in self._names or (folded(word) not in self._values and names_category(word))

    def _category(self, word: str) -> str:
        return self._names.get(folded(word), category_id(word))

    def _code(self, word: str) -> Any:
        key = folded(word)
        return self._values[key] if key in self._values else meaning(word, none_is_zero=True)

    def _text(self, text: str) -> Parsed:
        parsed = parse_json(text, self._context)
        if parsed.reason == NO_VERDICT:
            return self._object(_only_object(text))
        if parsed.reason != NO_OBJECT:
            return parsed
        value = structure(unfenced(text)) if unfenced(text)[:1] in ("{", "[") else None
        if isinstance(value, dict | list):
            return self._structure(value)
        return self._parsed(self._of_words(_words(plain(text).rstrip(".!"))))

    def _structure(self, said: dict[Any, Any] | list[Any]) -> Parsed:
        parsed = parse_json(dumped(said), self._context)
        if parsed.reason == NO_VERDICT:
            return self._object(said if isinstance(said, dict) else _only_object(dumped(said)))
        if parsed.reason != NO_OBJECT:
            return parsed
        return self._parsed(self._of_words(_words(said)))

    def _object(self, said: Mapping[str, Any] | None) -> Parsed:
        """An object without a verdict of the harness's own form: by the fields that say one, else by its names."""
        if said is None:
            return unparsed("several objects, and none with 'categories' or 'violates'")
        fields = _fields(said)
        if not fields:
            return parse_json(dumped({"categories": said}), self._context) if said else unparsed(NO_VERDICT)
        found: dict[str, int | None] | None = None
        flags = set()
        for value in fields.values():
            if isinstance(value, Mapping):
                parsed = parse_json(dumped({"categories": value}), self._context)
                read = dict(parsed.decisions) if parsed.outcome == "ok" else None
            else:
                words = _words(value)
                read = self._of_words(words)
                if read is None and words and all(self._code(word) == 1 for word in words):
                    flags.add(True)
                    continue
            if read is None or read != (found or read):
                return unparsed("a field that cannot be read, or two that disagree")
            found = read
            flags.add(1 in read.values())
        if len(flags) != 1:
            return unparsed("two fields that disagree")
        return unless_denied(self._parsed(found), [], self._context, objects=[said], skipped=_FIELDS)

    def _of_words(self, words: Iterable[str]) -> dict[str, int | None] | None:
        """Category -> 1, 0 or None; None where the words cannot be read."""
        violated: set[str] = set()
        is_denied = False
        words = [*words]
        if not words:
            return None
        for word in words:
            code = self._code(word)
            if folded(word) in self._by_word:
                violated.add(self._by_word[folded(word)])
            elif code == 1 and len(self.categories) == 1:
                violated.add(self.categories[0])
            elif code is None:
                return dict.fromkeys(self.categories)
            elif code == 0:
                is_denied = True
            else:
                return None
        if violated and is_denied:
            return None
        return {category: int(category in violated) for category in self.categories}

    def _parsed(self, found: Mapping[str, int | None] | None) -> Parsed:
        if found is None:
            return unparsed("words that name no category")
        return Parsed("abstained" if None in found.values() else "ok", found)


def _named(target: Any) -> list[str]:
    """The words of a target that may name categories."""
    value = structure(target.strip()) if isinstance(target, str) and target.strip()[:1] in ("{", "[") else target
    if not isinstance(value, dict):
        return [] if value is None else _words(value)
    keys = {str(key).casefold(): inner for key, inner in value.items()}
    if "categories" in keys:
        listed_ones = keys["categories"]
        return [*map(str, listed_ones)] if isinstance(listed_ones, dict) else parted(listed_ones, None)
    fields = _fields(value)
    if fields:
        return [
            word for one in fields.values() for word in ([*map(str, one)] if isinstance(one, dict) else _words(one))
        ]
    if "violates" in keys:
        return _words(keys["violates"])
    return [str(key) for key in value] if all(one in (0, 1, None) for one in value.values()) else []


def _fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say a verdict, whose value is there."""
    keys = {str(key).casefold(): value for key, value in said.items()}
    return {name: keys[name] for name in _FIELDS if keys.get(name) is not None}


def _words(said: Any) -> list[str]:
    """The words of a target, of a field or of an answer that is no JSON."""
    if isinstance(said, bool):
        return ["true" if said else "false"]
    if isinstance(said, list) and not said:
        return ["none"]
    return parted(said, "," if isinstance(said, str) and len(said) < _LONGEST_LIST else None)


def _only_object(text: str) -> Mapping[str, Any] | None:
    try:
        objects = json_objects(text)
    except BrokenObjectError:
        return None
    return objects[0] if len(objects) == 1 else None


def says_a_verdict(said: Mapping[str, Any]) -> bool:
    """Whether an object has a field that says what is violated."""
    return not {str(key).casefold() for key in said}.isdisjoint(("categories", "violates", *_FIELDS))


def dumped(said: Any) -> str:
    """A structure as the JSON text that a parser reads."""
    return orjson.dumps(said, option=orjson.OPT_NON_STR_KEYS, default=str).decode()


def _require_few(words: Mapping[str, None], known: Mapping[str, str]) -> None:
    if len(words) <= _MOST_WORDS:
        return
    others = [word for word in words if folded(word) not in known]
    if len(others) > _MOST_WORDS:
        raise HarnessError(
            f"targets say more than {_MOST_WORDS} different things, such as {joined(others, most=3)}",
            allowed="names of categories, or words for yes and no",
            next_step="import a run whose targets are labels",
        )
