"""Anything that decides: prompt x model, moderation endpoint, rule set, classifier, cascade, recorded decisions.

A candidate does no I/O: it yields the requests it wants made and is sent what came back.
"""
