"""The functions of ``scipy.special`` that the core computes with; every module takes them from here.

Decides what loads with them. scipy copies numpy's whole namespace while it starts, and with it numpy's compiler of
Fortran and its tools for tests, which nothing here asks for: a third of the time and 8 MB. They are put off until
somebody does, as the import system provides for; what is computed is scipy's own.
"""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec

import numpy as np

NOT_NEEDED = ("f2py", "testing")
"""Parts of numpy that only people's own code may ask for."""


def _put_off(name: str) -> None:
    """Load a part of numpy with its first use; one that is loaded or not there stays as it is."""
    place = f"numpy.{name}"
    spec = None if place in sys.modules else find_spec(place)
    if spec is None or spec.loader is None:
        return
    spec.loader = loader = LazyLoader(spec.loader)
    module = sys.modules[place] = module_from_spec(spec)
    loader.exec_module(module)
    setattr(np, name, module)


for _name in NOT_NEEDED:
    _put_off(_name)

from scipy.special import (  # noqa: E402
    bdtr,
    bdtrc,
    betainc,
    betaincinv,
    expit,
    gammaln,
    logit,
    ndtr,
    ndtri,
    stdtr,
    stdtrit,
    xlog1py,
    xlogy,
)

__all__ = [
    "bdtr",
    "bdtrc",
    "betainc",
    "betaincinv",
    "expit",
    "gammaln",
    "logit",
    "ndtr",
    "ndtri",
    "stdtr",
    "stdtrit",
    "xlog1py",
    "xlogy",
]
