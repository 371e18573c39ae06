"""ops.py DRIVER: every op of the core, on every element type and every loadable device, against NumPy.

Needs NumPy: of the Python that MUSHIN_TEST_PYTHON names, else of this one. Ends with 77 where it is missing.
"""

import os
import sys
import unittest

OTHER = os.environ.pop("MUSHIN_TEST_PYTHON", None)
if OTHER:
    os.execv(OTHER, [OTHER, "-B", *sys.argv])
try:
    import numpy  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}; name a Python that has numpy by MUSHIN_TEST_PYTHON")
    sys.exit(77)

from folding_cases import *  # noqa: E402, F403
from matrix_cases import *  # noqa: E402, F403
from placing_cases import *  # noqa: E402, F403
from pointwise_cases import *  # noqa: E402, F403

if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], warnings="ignore")  # NumPy warns of means of nothing
