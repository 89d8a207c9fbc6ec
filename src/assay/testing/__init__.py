"""What stands behind the pytest plugin: observed traffic, offline answers, cassettes, conformance items, coverage.

``session`` holds what the suite is told; ``observe`` judges exchanges for one test; an ``Answers`` gives replies
instead of the network (``offline``: made by the test or generated; ``replay``: from a cassette).
"""
