"""The faults of the reference server: named single defects, each of which breaks one promise of the API.

The rule of this package: the honest server knows nothing of it; a fault edits what goes in and what comes out.
"""
