"""Makes a kernel like one of Colab (PYTHONSTARTUP names this file).

`google.colab` is loaded before the first cell. What Colab does not bring, COURSE_NOT_ON_COLAB, cannot be imported until
the notebook has asked pip for it; pip itself is a stand-in that writes down what it was asked for.
"""


def _become_colab():
    import atexit
    import os
    import sys
    import tempfile
    from pathlib import Path

    import google.colab.output  # noqa: F401  anywidget looks for this very module
    from IPython import get_ipython

    hidden = os.environ["COURSE_NOT_ON_COLAB"].split()
    sys.modules.update(dict.fromkeys(hidden))  # None in sys.modules: find_spec finds nothing, import raises
    descriptor, record = tempfile.mkstemp(prefix="course-pip-")
    os.close(descriptor)
    atexit.register(os.unlink, record)
    os.environ["COURSE_PIP_RECORD"] = record

    def uncover(*_):
        for name in Path(record).read_text().split():
            if name in sys.modules and sys.modules[name] is None:
                del sys.modules[name]

    get_ipython().events.register("post_run_cell", uncover)


_become_colab()
del _become_colab
