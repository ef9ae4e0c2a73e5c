def double(x):
    return 2 * x


# tests
for n in range(50):
    assert double(n) == n + n
