"""Statistics: pure functions on counts, and the records that sequential tests carry between looks.

Everything that is decided about live traffic comes from here. No function reads a clock, draws a
random number or needs more than ``math``.
"""
