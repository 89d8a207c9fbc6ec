"""Floor 5: an honest server made from the contract, the embedded default target of ``assay run``.

The rule of this room: deterministic and honest in every byte; what it promises it keeps.
"""
