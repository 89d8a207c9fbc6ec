"""Floor 4, MODEL -> CASES: values, requests and responses that the contract allows, and ones that it does not.

The rule of this room: everything generated is labelled with what it tests, and all randomness is Hypothesis's.
"""
