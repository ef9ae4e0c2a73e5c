def safe(f):
    try:
        return f()
    except KeyError as e:
        return ['lost', e.args[0]]


# tests
def boom():
    raise KeyError('k')
assert safe(boom) == ['lost', 'k']
