"""The steps that build the tables, run by alembic at the start of every process (`kb.deflection.migrate`).

A step is a file in `versions/` that is never changed once released; a table that is new or altered in
`kb.deflection.tables` needs a new step. Two steps may stand on the same one: all ends are built.
"""
