"""What a canary's answers say of it, look by look.

arms        what the pods of each arm counted, by time
evidence    one metric: what its test carries on, and its verdict
look        all metrics: which windows are asked for, when a look ends, what is known after it
writing     when that is written
"""
