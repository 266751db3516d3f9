"""Sandboxed Jinja templates of prompts.

A template comes from a file that anybody may send as a patch, so it is checked statically against short lists of what
is allowed (``check``) before it is compiled in a bounded environment (``environment``) and rendered (``render``).
Reading prompt files is left to ``prompts``.
"""

from harness.files.sandbox.check import CheckedTemplate, check_template
from harness.files.sandbox.render import Template, compile_template

__all__ = ["CheckedTemplate", "Template", "check_template", "compile_template"]
