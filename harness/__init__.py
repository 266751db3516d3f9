"""Evaluation harness for LLM content moderation."""

__version__ = "0.1.0"
