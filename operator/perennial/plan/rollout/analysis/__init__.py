"""What a canary's answers say of it, look by look.

counts      what the pods of each arm counted, by time
metrics/    what can be judged: a file a kind of metric
tests/      what it is held against: a file a test
sources/    what others measure: a file a source
evidence    one metric: what its test carries on, and its verdict
look        all metrics: which windows are asked for, when a look ends, what is known after it
measured    one metric of others: when it is asked for, and its verdict
permission  whose numbers are asked for, and whom of
outside     all metrics of others, and which of them may be asked for
verdict     what follows for the rollout
course      the values by which people see how a metric went
writing     when that is written
"""
