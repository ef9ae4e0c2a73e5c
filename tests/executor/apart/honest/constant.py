LIMIT = 7
def f():
    return LIMIT


# tests
assert LIMIT == 7 and f() == LIMIT
