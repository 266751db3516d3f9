"""Files people write, read into records; every fault names its line.

``text`` and ``yaml`` read bytes, ``decode`` makes records of plain values, and one module a noun decides what its
file may say: ``policy``, ``golden``, ``prompts``, ``rules``, ``models``, ``evals``. ``sandbox`` renders templates.
"""
