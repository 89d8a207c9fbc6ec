"""Flows: requests that go on from what earlier ones brought: create, retrieve, list, page, change, delete.

The rule of this package: a flow is data; a target that does not serve a step closes what hangs on it, and nothing is
said; what lives (a status, a time, a usage) may change.
"""
