import datetime, decimal, collections
def everything():
    return [(1, 2.5), {'a': {1, 2}}, b'x', 1 << 80, None, datetime.date(2020, 2, 29), decimal.Decimal('1.10'), float('inf'), {1: 2}.keys()]


# tests
import datetime, decimal
assert everything() == [(1, 2.5), {'a': {1, 2}}, b'x', 1 << 80, None, datetime.date(2020, 2, 29), decimal.Decimal('1.10'), float('inf'), {1}]
