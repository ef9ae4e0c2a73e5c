"""The inside of each command: a generator that takes its engine as an argument."""
