"""Taxonomies of guards: the names their answers use, as their publishers print them.

Decides what each guard can say, for the forms (``guard_table``) and for the parsers of answers alike. A name's second
spelling, which a card prints elsewhere or a version before had, stands beside the taxonomy: it may be answered, and is
no further category.
"""

from __future__ import annotations

from collections.abc import Mapping

LLAMA_GUARD_1: Mapping[str, str] = {
    "O1": "Violence and Hate", "O2": "Sexual Content", "O3": "Criminal Planning", "O4": "Guns and Illegal Weapons",
    "O5": "Regulated or Controlled Substances", "O6": "Self-Harm",
}  # fmt: skip
LLAMA_GUARD_2: Mapping[str, str] = {
    "S1": "Violent Crimes", "S2": "Non-Violent Crimes", "S3": "Sex-Related Crimes", "S4": "Child Sexual Exploitation",
    "S5": "Specialized Advice", "S6": "Privacy", "S7": "Intellectual Property", "S8": "Indiscriminate Weapons",
    "S9": "Hate", "S10": "Suicide & Self-Harm", "S11": "Sexual Content",
}  # fmt: skip
LLAMA_GUARD_3: Mapping[str, str] = {
    "S1": "Violent Crimes", "S2": "Non-Violent Crimes", "S3": "Sex-Related Crimes", "S4": "Child Sexual Exploitation",
    "S5": "Defamation", "S6": "Specialized Advice", "S7": "Privacy", "S8": "Intellectual Property",
    "S9": "Indiscriminate Weapons", "S10": "Hate", "S11": "Suicide & Self-Harm", "S12": "Sexual Content",
    "S13": "Elections", "S14": "Code Interpreter Abuse",
}  # fmt: skip
"""Of Llama Guard 3 and 4, and of PolyGuard."""
LLAMA_GUARD_CODES = frozenset((*LLAMA_GUARD_1, "O7", *LLAMA_GUARD_2, *LLAMA_GUARD_3))
"""What any version may answer; the first one's own prompt for benign content names an O7."""

QWEN: tuple[str, ...] = (
    "Violent", "Non-violent Illegal Acts", "Sexual Content or Sexual Acts", "PII", "Suicide & Self-Harm",
    "Unethical Acts", "Politically Sensitive Topics", "Copyright Violation", "Jailbreak",
)  # fmt: skip
QWEN_SPELLINGS: Mapping[str, str] = {"Personally Identifiable Information": "PII"}
"""Second spelling -> the taxonomy's."""

NEMOTRON: tuple[str, ...] = (
    "Violence", "Sexual", "Criminal Planning/Confessions", "Guns and Illegal Weapons",
    "Controlled/Regulated Substances", "Suicide and Self Harm", "Sexual (minor)", "Hate/Identity Hate", "PII/Privacy",
    "Harassment", "Threat", "Profanity", "Needs Caution", "Other", "Manipulation", "Fraud/Deception", "Malware",
    "High Risk Gov Decision Making", "Political/Misinformation/Conspiracy", "Copyright/Trademark/Plagiarism",
    "Unauthorized Advice", "Illegal Activity", "Immoral/Unethical",
)  # fmt: skip
"""Of Aegis 2.0 and Nemotron content safety."""
NEMOTRON_SPELLINGS: Mapping[str, str] = {"Sexual Minor": "Sexual (minor)"}

HARMFUL: Mapping[str, str] = {"harmful": "the request is harmful, in one word for all categories"}


def named(names: tuple[str, ...]) -> Mapping[str, str]:
    """A taxonomy whose names are their own meanings."""
    return {name: name for name in names}
