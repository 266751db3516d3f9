"""The door for optimisers of prompts: metric and dev part of an eval as something to climb.

``texts`` says what of a prompt may be changed, ``objective`` what a proposal is worth and what is said of it (over the
dev part alone), ``gepa`` and ``dspy`` how two libraries are handed it, ``written`` how what was found becomes the next
version of the prompt.
"""
