"""Runs a filter over a cluster of Ray's: a task for each piece of the input, where a piece is a file or a block of one.

`pieces` says what the pieces are and which of them are done; `attempt` does one of them, on any machine, and knows no
Ray; `driver` gives them to the workers and adds up what they counted. Records go from file to file; only names and
counts pass through Ray.
"""
