"""``python -m assay``: the command, where its script is not on the path.

The rule of this module: it only hands over.
"""

from assay.cli import main

if __name__ == "__main__":
    main()
