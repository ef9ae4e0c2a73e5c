"""Tokenizers, and the templates that put an instruction into the form a model expects."""
