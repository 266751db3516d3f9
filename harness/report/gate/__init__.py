"""A gate's report where continuous integration shows it: JUnit, annotations, job summary, pull-request comment.

Every text here is hostile until escaped: category names and item ids come from files, and item text is never shown.
"""

from harness.report.gate.annotations import annotation_lines, failure_annotation
from harness.report.gate.comment import SUMMARY_BYTES, comment_markdown, failure_markdown, summary_markdown
from harness.report.gate.document import gate_document
from harness.report.gate.junit import describe, failure_junit, junit_xml
from harness.report.gate.statement_words import check_message, headline_of

__all__ = [
    "SUMMARY_BYTES",
    "annotation_lines",
    "check_message",
    "comment_markdown",
    "describe",
    "failure_annotation",
    "failure_junit",
    "failure_markdown",
    "gate_document",
    "headline_of",
    "junit_xml",
    "summary_markdown",
]
