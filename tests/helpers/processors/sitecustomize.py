"""Where FAKE_PROCESSORS is set and Python finds this module, it believes in that many processor cores."""

import os

if count := int(os.environ.get("FAKE_PROCESSORS") or 0):
    os.cpu_count = lambda: count
    os.process_cpu_count = lambda: count
    os.sched_getaffinity = lambda pid: set(range(count))
