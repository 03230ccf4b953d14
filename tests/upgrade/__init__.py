"""The base: what was first promised, frozen, and what a change is held against.

`make freeze-base` makes it once, from the real API server, a real server and a real trainer; from
then on tests/api/test_upgrade.py and tests/unit/upgrade look whether today's parts still get on
with it. docs/upgrades.md says what is promised.
"""
