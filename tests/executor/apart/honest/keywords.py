def f(a, *, b=1):
    return a - b


# tests
assert f(3) == 2 and f(a=3, b=2) == 1
