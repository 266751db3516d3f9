"""The care of golden sets.

``check`` finds what a reader of rows allows and an analyst would not.
"""
