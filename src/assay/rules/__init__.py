"""Floor 3: relations that no schema can state, each a small function registered under a rule id.

The rule of this room: a rule reads messages and says violations; it never sends, waits or stores.
"""
