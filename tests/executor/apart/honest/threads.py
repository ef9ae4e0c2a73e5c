def double(x):
    return 2 * x


# tests
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as p:
    assert list(p.map(double, range(40))) == list(range(0, 80, 2))
