def apply(f, xs):
    return [f(x) for x in xs]


# tests
assert apply(lambda x: x * x, [1, 2]) == [1, 4]
