"""Reads and writes the files in which people keep records, whatever their format, packing and place.

`reading.rows(name)` gives the rows of anything that can be read, `packing` knows what is compressed and how, `tables`
Parquet, Arrow and data sets of Hugging Face, `texts` JSON lines, JSON arrays and CSV, `places` the file systems.
jsonl.py makes records of rows, and is what the stages use.
"""
