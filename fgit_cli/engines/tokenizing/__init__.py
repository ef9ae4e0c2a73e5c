"""A tokenizer turns text into ids; a template first puts the instruction into the form that a model expects."""
