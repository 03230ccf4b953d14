"""What a canary's counters say of it, look by look.

counters    what each pod counted, and what an arm counted since the last look
evidence    one metric: what its test carries on, and its verdict
look        all metrics: when a look ends, and what is known after it
"""
