"""Experiments on the mini student: arms, the run, and the page made of its rows."""
