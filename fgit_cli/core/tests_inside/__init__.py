"""What runs a test text beside the code that it tests, inside the sandbox.

The sources of these modules are part of the script that `fgit_cli/core/written_tests.py` makes, because nothing of fgit
is there; so they import the standard library and each other alone.
"""
