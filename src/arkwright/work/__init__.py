"""What a worker does: one task per step of the line, in a process of its own, where the user's code runs.

Started as `python -m arkwright.work FOLDER FD` by the process runner; a cluster's job calls the same tasks. Paths and
numbers come in, files and facts go out; nothing here knows the ledger or the store.

`compact.py` is the other thing that is done in a process of its own: logged predictions become Parquet.
`compacting.py` has it done while a server answers.
"""
