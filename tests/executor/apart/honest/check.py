def double(x):
    return 2 * x


# tests
def check(candidate):
    assert candidate(3) == 6
check(double)
