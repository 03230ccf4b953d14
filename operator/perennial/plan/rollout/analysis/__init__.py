"""What a canary's answers say of it, look by look.

counts      what the pods of each arm counted, by time
metrics/    what can be judged: a file a kind of metric
tests/      what it is held against: a file a test
evidence    one metric: what its test carries on, and its verdict
look        all metrics: which windows are asked for, when a look ends, what is known after it
verdict     what follows for the rollout
writing     when that is written
"""
