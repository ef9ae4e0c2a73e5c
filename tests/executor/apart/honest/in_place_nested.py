def turn(m):
    m[:] = [list(r) for r in zip(*m[::-1])]


# tests
m = [[1, 2], [3, 4]]
turn(m)
assert m == [[3, 1], [4, 2]]
