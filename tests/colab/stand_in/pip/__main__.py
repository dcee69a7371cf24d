"""`python -m pip install -q NAME...`, for packages that are installed here and hidden because Colab lacks them."""

import os
import re
import sys

command, quiet, *wanted = sys.argv[1:]
packages = [re.split("[<>=!~]", each)[0] for each in wanted]
unknown = set(packages) - set(os.environ["COURSE_NOT_ON_COLAB"].split())
if (command, quiet) != ("install", "-q") or unknown:
    sys.exit(f"pip {' '.join(sys.argv[1:])}: expected `install -q` and only what requirements.txt has and Colab lacks.")
with open(os.environ["COURSE_PIP_RECORD"], "a") as record:
    record.write("\n".join(packages) + "\n")
