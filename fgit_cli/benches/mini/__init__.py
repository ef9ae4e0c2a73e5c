"""A family of small Python tasks made by composition, and a student that is wrong about them in systematic ways.

`parts.py` holds the words and the code of every part, `family.py` puts parts together into tasks and splits them by
composition, `inputs.py` chooses the inputs of the tests. No text comes from any benchmark.
"""

from pathlib import Path

STUDENT = Path(__file__).parent / "student"
