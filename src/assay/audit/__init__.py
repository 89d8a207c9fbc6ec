"""Floor 5: recorded traffic, judged by the contract.

The rule of this room: a recording shows less than the wire did. What it does not show is skipped and counted, never
judged; and one bad entry never stops a file.
"""
