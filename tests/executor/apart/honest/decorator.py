import functools
def twice(f):
    @functools.wraps(f)
    def g(*a):
        return f(*a), f(*a)
    return g


# tests
@twice
def one(n):
    return n
assert one(5) == (5, 5) and one.__name__ == 'one'
