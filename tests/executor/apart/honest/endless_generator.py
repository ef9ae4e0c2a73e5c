def count():
    n = 0
    while True:
        yield n
        n += 1


# tests
import itertools
c = count()
assert next(c) == 0 and list(itertools.islice(c, 3)) == [1, 2, 3]
