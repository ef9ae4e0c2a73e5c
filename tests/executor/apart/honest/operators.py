class Vector:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, n):
        return Vector(self.x * n, self.y * n)

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)

    def __getitem__(self, i):
        return (self.x, self.y)[i]


class Bag:
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __lt__(self, other):
        return len(self) < len(other)


def vector(x, y):
    return Vector(x, y)


# tests
assert vector and Vector and callable(vector)
assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6) == Vector(2, 3) * 2
assert not Bag([]) and Bag([1])
assert Bag([1]) < Bag([1, 2]) and not Bag([1]) > Bag([1, 2])
assert list(Vector(5, 6)) == [5, 6] and 6 in Vector(5, 6) and Vector(5, 6)[-1] == 6
assert sorted([Bag([1, 2]), Bag([3])])[0].items == [3]
try:
    len(Vector(1, 2))
except TypeError:
    pass
else:
    raise AssertionError
