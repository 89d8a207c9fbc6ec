"""The figures we claim, measured: one module per claim, the claim in its docstring.

The rule of this room: every figure is a ratio of two things measured in the same run, best of several rounds, on the
same bytes; a claim that does not hold ends the run with exit code 1.
"""
