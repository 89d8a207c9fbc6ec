"""Floor 5, CASES x TARGET -> FINDINGS: plans, runs, judges and reports.

The rule of this room: it accuses a target only of what the contract states, once per cause, with the smallest proof.
"""
