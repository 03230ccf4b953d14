"""Files into settled columns.

``tables`` reads a file as it is written, ``names`` mends its headings, ``kinds`` settles what each
column holds, once and over all files, and ``values`` is the one way in which values are written.
"""
