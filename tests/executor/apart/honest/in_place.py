def sort(xs):
    xs.sort()


# tests
a = [3, 1]
assert sort(a) is None
assert a == [1, 3]
