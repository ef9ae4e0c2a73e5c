class Stack:
    def __init__(self, items=()):
        self.items = list(items)
    def push(self, item):
        self.items.append(item)
    def pop(self):
        return self.items.pop()
    def __len__(self):
        return len(self.items)
    def __eq__(self, other):
        return self.items == other.items


# tests
s = Stack([1])
s.push('b')
assert len(s) == 2 and s.pop() == 'b' and s.items == [1]
assert s == Stack([1]) and s != Stack() and isinstance(s, Stack) and not isinstance(3, Stack)
