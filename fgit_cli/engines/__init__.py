"""The engines are the outside world behind small interfaces: generation, embedding, tokenizing, rules, work folders."""
