"""Assay: one contract for OpenAI-style HTTP APIs, used in tests, gateways and servers."""
