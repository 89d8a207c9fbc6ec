"""Floor 2, SCHEMA -> CHECK: verdicts, explanations and the algebra of JSON Schema 2020-12.

The rule of this room: it knows JSON values and schemas, nothing of HTTP or OpenAPI.
"""
