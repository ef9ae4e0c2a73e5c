def double(x):
    return 2 * x


# tests
import unittest
class T(unittest.TestCase):
    def test(self):
        self.assertEqual(double(1), 2)
r = unittest.TestResult()
unittest.defaultTestLoader.loadTestsFromTestCase(T).run(r)
assert r.wasSuccessful()
