"""Pure statistics of the harness: arrays in, frozen results out.

Nothing here reads a file, the clock, the environment or a global random state; imports stop at numpy and scipy.
"""
