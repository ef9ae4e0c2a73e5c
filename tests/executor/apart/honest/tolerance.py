import math
def root(x):
    return math.sqrt(x)


# tests
assert math.isclose(root(2) ** 2, 2)
