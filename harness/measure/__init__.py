"""Stored rows become arrays, arrays become numbers: ``decisions``, then ``score``, ``compare`` and ``slices``.

Decides what a failed answer counts as and which rows make a pair; the formulas are in ``core``.
"""
