def double(x):
    return 2 * x


# tests
assert double(2) == 4
assert double(5) == 10
