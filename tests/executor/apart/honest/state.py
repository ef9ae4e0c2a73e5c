n = 0
def tick():
    global n
    n += 1
    return n


# tests
assert [tick(), tick()] == [1, 2]
