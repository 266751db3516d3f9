"""A loaded eval -> its candidates, ready to decide.

Decides what a candidate is built with: the models, names and crosswalks of its eval, and other candidates. What each
kind makes of them is in the kind's own file; whether the eval's files fit together was decided by ``evals``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from harness.candidates.names import NameIndex, crosswalk_of
from harness.candidates.pictures import PictureParts
from harness.candidates.without import OWN_PARTS, Without
from harness.errors import HarnessError
from harness.files.kinds import kind_of
from harness.files.pictures import IMAGES, PictureFolder
from harness.files.schema import Loc
from harness.files.text import joined, shortened, suggestion
from harness.files.yaml import read_yaml
from harness.records import CandidateSpec, Model
from harness.records.answers import Candidate

if TYPE_CHECKING:
    from harness.candidates.recorded import RecordedRows
    from harness.files.evals import LoadedEval


class PictureFault(Protocol):
    """Makes the error of a place that names a part which items do not have."""

    def __call__(self, place: Loc, /, found: str, *, allowed: str, next_step: str) -> HarnessError:
        """The error."""


@dataclass(slots=True)
class Builder:
    """Builds the candidates of one eval, each at most once."""

    loaded: LoadedEval
    recorded_rows: dict[str, RecordedRows] = field(default_factory=dict)
    _built: dict[str, Candidate] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def candidate(self, candidate_id: str) -> Candidate:
        """The candidate with this name."""
        specs = self.loaded.eval.value.candidates
        if candidate_id not in specs:
            raise HarnessError(
                f"there is no candidate '{candidate_id}' in {self.loaded.eval.path}",
                allowed=joined(specs),
                next_step=suggestion(candidate_id, specs, "name one of the eval's candidates"),
            )
        if candidate_id in self._open:
            raise HarnessError(
                f"{self.loaded.eval.path}: candidates close a circle: {' -> '.join([*self._open, candidate_id])}",
                allowed="candidates without circles",
                next_step="remove one of the stages",
            )
        if candidate_id not in self._built:
            spec = specs[candidate_id]
            self._open.append(candidate_id)
            try:
                built = kind_of(spec).build(self, candidate_id, spec)
                self._require_parts(candidate_id, spec)
                self._built[candidate_id] = Without(built, spec.without) if spec.without else built
            finally:
                self._open.pop()
        return self._built[candidate_id]

    def _require_parts(self, candidate_id: str, spec: CandidateSpec) -> None:
        known = [*OWN_PARTS, *self.loaded.golden.card.modalities]
        for at, name in enumerate(spec.without):
            if name not in known:
                found = f"names '{shortened(name)}', which items of this golden set do not have"
                hint = suggestion(name, known, "name a part of the items, or remove the field")
                place: Loc = ("candidates", candidate_id, "without", at)
                document = read_yaml(self.loaded.eval.path, what="eval")
                raise document.error(place, found, allowed=joined(known), next_step=hint)

    def model(self, model_id: str) -> Model:
        """A model of models.yaml."""
        models = self.loaded.models.value if self.loaded.models is not None else {}
        if model_id not in models:
            raise HarnessError(
                f"there is no model '{model_id}' in {self.loaded.eval.value.models}",
                allowed=joined(models),
                next_step=suggestion(model_id, models, "add the model"),
            )
        return models[model_id]

    def names(self, spec: CandidateSpec) -> NameIndex:
        """Names a candidate may use for the categories of the policy."""
        policy = self.loaded.policy.value
        return NameIndex(policy.category_ids, crosswalk_of(policy, spec.crosswalk))

    def pictures(self, media: Sequence[str], fault: PictureFault, detail: str | None = None) -> PictureParts:
        """How the pictures of the parts that are named are sent."""
        golden = self.loaded.golden
        known = [IMAGES, *golden.card.modalities]
        for at, name in enumerate(media):
            if name not in known:
                found = f"is '{shortened(name)}', which items of golden set '{golden.name}' do not have"
                hint = suggestion(name, known, f"declare 'modalities: {{{name}: PATH}}' in its card")
                raise fault(("media", at), found, allowed=joined(known), next_step=hint)
        return PictureParts(tuple(media), PictureFolder.of(golden.items_path), detail)

    def mapping(self, spec: CandidateSpec) -> dict[str, Any]:
        """The crosswalk as part of a fingerprint."""
        found = crosswalk_of(self.loaded.policy.value, spec.crosswalk)
        if found is None:
            return {}
        return {"crosswalk": spec.crosswalk, "mapping": {name: list(names) for name, names in found.items()}}

    def require_decided(self, candidate_id: str, spec: CandidateSpec, names: NameIndex) -> None:
        """A threshold needs a category that the candidate can decide."""
        for category in spec.thresholds:
            if category not in names.categories:
                raise HarnessError(
                    f"candidate '{candidate_id}' has a threshold for '{category}', which its crosswalk does not map",
                    allowed=joined(names.categories),
                    next_step="map the category in the policy's crosswalk, or remove the threshold",
                )

    @property
    def category_ids(self) -> tuple[str, ...]:
        """Categories of the policy, in its order."""
        return tuple(self.loaded.policy.value.category_ids)


def build_candidates(loaded: LoadedEval, chosen: Sequence[str] | None = None) -> list[Candidate]:
    """Candidates of an eval in the order of the file; only the chosen ones when ids are given.

    Raises:
        HarnessError: An id is unknown, or something a candidate needs is missing.
    """
    builder = Builder(loaded)
    wanted = set(loaded.eval.value.candidates if chosen is None else chosen)
    for candidate_id in chosen or ():
        builder.candidate(candidate_id)
    return [builder.candidate(name) for name in loaded.eval.value.candidates if name in wanted]
