"""The stages are the insides of the commands: each is a generator that takes its engine as an argument."""
