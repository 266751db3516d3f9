"""Where Arrow takes its memory; imported before Arrow is, which asks once.

Decides that it is where Python takes its own, unless the user's environment says otherwise: Arrow's pool sets 12 MB
aside, and the batches of a run are small.
"""

from __future__ import annotations

import os

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
