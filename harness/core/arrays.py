"""What the arrays of the core are called in signatures, by what they hold.

Decides no more than the names: shapes, ranges and units stand in the docstring of whoever takes or gives an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # of numbers, codes or flags, as a caller has them
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int8]
