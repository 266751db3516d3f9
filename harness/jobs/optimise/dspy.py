"""DSPy on an objective: the prompt as a program whose instructions are its texts, with its examples and metric.

Decides how DSPy sees a prompt: one predictor for each text that may be changed, whose answer comes from the objective
(its runner, journal, parser) and never from DSPy's own language model. Any optimiser of instructions works on it (GEPA,
COPRO, MIPROv2 without demonstrations); examples that an optimiser would add beside the instructions are not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from harness.jobs.optimise.gepa import need, said, shown
from harness.jobs.optimise.objective import Objective


def program(objective: Objective) -> Any:
    """The prompt as a ``dspy.Module``; ``texts_of`` gives back its texts."""
    dspy = need("dspy")

    class Text(dspy.Predict):  # type: ignore[misc, name-defined]
        """One text of the prompt; it is asked through the program that it is part of."""

        def forward(self, **inputs: Any) -> Any:
            answer = dspy.Prediction(answer=inputs.pop("said"))
            trace = dspy.settings.trace
            if trace is not None:
                trace.append((self, inputs, answer))
            return answer

    class Moderator(dspy.Module):  # type: ignore[misc, name-defined]
        """Answers an item with all the texts together."""

        def __init__(self) -> None:
            super().__init__()
            self.objective = objective
            self.texts = {name: Text(dspy.Signature("post -> answer", text)) for name, text in objective.seed.items()}

        def forward(self, item_id: str, post: str) -> Any:
            texts = {name: one.signature.instructions for name, one in self.texts.items()}
            (judged,) = self.objective.evaluate(texts, [item_id])
            for one in self.texts.values():
                one(post=post, said=said(judged))
            return dspy.Prediction(answer=said(judged), judged=judged)

    return Moderator()


def texts_of(optimised: Any) -> dict[str, str]:
    """The texts of a program that an optimiser gave back."""
    return {name: one.signature.instructions for name, one in optimised.texts.items()}


def language_model(ask: Callable[[Any], str]) -> Any:
    """Whoever writes proposals, as DSPy takes a language model."""
    dspy = need("dspy")

    class Teacher(dspy.BaseLM):  # type: ignore[misc, name-defined]
        """Asks with chat messages, and gives the words."""

        def __init__(self) -> None:
            super().__init__("teacher", cache=False)

        def forward(self, prompt: Any = None, messages: Any = None, **options: Any) -> Any:
            choice = SimpleNamespace(message=SimpleNamespace(content=ask(messages or prompt)), finish_reason="stop")
            return SimpleNamespace(choices=[choice], usage={}, model="teacher")

    return Teacher()


def examples(objective: Objective, ids: Sequence[str]) -> list[Any]:
    """Dev items as ``dspy.Example``: their ids and what a prompt may show of them; the gold stays behind."""
    dspy = need("dspy")
    return [dspy.Example(item_id=one, post=shown(objective.item(one))).with_inputs("item_id", "post") for one in ids]


def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
    """What an answer is worth, with feedback: the form that ``dspy.GEPA`` takes; others read its number."""
    dspy = need("dspy")
    judged = pred.judged
    return dspy.Prediction(score=judged.score, feedback=judged.feedback)
