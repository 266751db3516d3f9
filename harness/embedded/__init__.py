"""The embedded model: a small real language model that needs no key.

``weights`` finds one GGUF file and checks its bytes; ``server`` runs it in a child process behind an OpenAI-compatible
API on 127.0.0.1. What is sent to that API, and what the answers mean, is the candidates' business.
"""
