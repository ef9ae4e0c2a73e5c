"""The programs with which one BigCodeBench solution meets its tests inside the sandbox.

BigCodeBench runs unit tests in the solution's own process (`bigcodebench.eval`, v0.2). Where the reference solution
passes them from another process too, they are run there (`apart`), and no solution can forge the verdict. Elsewhere
(`beside`) a verdict can be forged, though not in the simplest ways: the tests' `unittest` is imported anew after the
solution, every test reports by name, and a control run puts in the place of the solution's function one that raises.
"""

_SETTING = """\
import builtins, os, sys, time, types
os.environ.update(TZ="UTC", MPLBACKEND="Agg", OMP_NUM_THREADS="1")
time.tzset()
builtins.exit = builtins.quit = None
"""

_CODE = """\
__module = types.ModuleType("__test__")
__module.__dict__.update(
    __builtins__=builtins, __file__="__test__.py", __package__=None, __doc__=None, sys=sys, os=os, environ=os.environ
)
sys.modules["__test__"] = __module
exec(compile({solution!r}, "__test__.py", "exec"), __module.__dict__)
"""

_CODE_APART = """\
__name__ = "__test__"
exec(compile({solution!r}, "__test__.py", "exec"), globals())
"""

_TESTS = """\
def __run(module, control, tests, entry_point):
    import sys
    for name in [n for n in sys.modules if n == "unittest" or n.startswith("unittest.")]:
        del sys.modules[name]
    import unittest

    class Replaced(BaseException):
        pass

    def replaced(*args, **kwargs):
        raise Replaced("the control run")

    class Result(unittest.TestResult):
        def __init__(self):
            super().__init__()
            self.ok = set()

        def addSuccess(self, test):
            self.ok.add(test.id().rpartition(".")[2])

    if control:
        module.__dict__[entry_point] = replaced
    exec(compile(tests, "__test__.py", "exec"), module.__dict__)
    result = Result()
    unittest.TestLoader().loadTestsFromTestCase(module.TestCases).run(result)
    bad = [(t, "failed", m) for t, m in result.failures] + [(t, "error", m) for t, m in result.errors]
    bad += [(t, "skipped", m) for t, m in result.skipped]
    bad += [(t, "expected failure", m) for t, m in result.expectedFailures]
    report = {{name: ["ok", ""] for name in result.ok}}
    for test, what, message in bad:
        last = message.strip().splitlines()[-1] if message.strip() else ""
        report[test.id().partition(" (")[0].rpartition(".")[2]] = [what, last[:300]]
    return report


__report__ = __run({module}, {control!r}, {tests!r}, {entry_point!r})
"""


def apart(solution: str, tests: str, entry_point: str) -> tuple[str, str]:
    """What is run in the solution's process and what in the tests', which reports as `beside` does."""
    run = _TESTS.format(module='sys.modules["__main__"]', tests=tests, entry_point=entry_point, control=False)
    return _SETTING + _CODE_APART.format(solution=solution), _SETTING + run


def beside(solution: str, tests: str, entry_point: str, control: bool) -> tuple[str, str]:
    """What is run as the code and what as its tests. The report is `{test: [what, last line of the traceback]}`."""
    run = _TESTS.format(module="__module", tests=tests, entry_point=entry_point, control=control)
    return _SETTING + _CODE.format(solution=solution), run
