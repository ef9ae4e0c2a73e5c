class Bad(ValueError):
    pass
def f(x):
    raise Bad('no', x)


# tests
try:
    f(3)
except Bad as e:
    assert e.args == ('no', 3) and isinstance(e, ValueError)
else:
    raise AssertionError
