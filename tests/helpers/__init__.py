"""What several tests share: small models, tokenizers and benchmarks, and servers that stand for a teacher."""
