"""Floor 5: two descriptions against each other: what one accepts and the other refuses, each time with a witness.

The rule of this room: a difference is told only with a value that both compiled checks judged; what could be neither
shown nor ruled out is told as undecided.
"""
