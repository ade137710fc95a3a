"""Damaged and hostile input for everything that reads what others wrote: ``python3 -m tests.fuzz --help``.

A target is a file of tests/fuzz/targets. It holds good inputs and a function that takes one; frame.py changes the
inputs at random and reports what ends otherwise than well or with a TodoCloudError. ``make test`` tries 100 inputs of
each target (tests/unit/test_fuzz.py), ``make fuzz`` 2,000.
"""
