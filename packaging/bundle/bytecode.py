"""Compile every module below a directory; run by the Python that will load them: `python bytecode.py DIRECTORY`.

The .pyc are of the kind that is never compared with its source (PEP 552): a start looks at one file less per module,
and times that an archive or a package manager changes do not matter. They name their source relative to the directory;
on import Python puts the true path into tracebacks.
"""

import sys
from pathlib import Path
from py_compile import PycInvalidationMode
from py_compile import compile as compile_file

if __name__ == "__main__":
    top = Path(sys.argv[1])
    for source in sorted(top.rglob("*.py")):
        compile_file(
            str(source),
            dfile=str(source.relative_to(top)),
            doraise=True,
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
