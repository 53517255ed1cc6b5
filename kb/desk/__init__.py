"""Tickets on their way: kept here, handed to a help desk, and what the desk tells back. Below `kb.tickets`.

parcel      what is handed over, and how that fails
zendesk webhook smtp     one way each of handing over, over wire and signing
senders     the way that the settings name
outbox      who tries when, and who has it
hooks       what a desk tells → facts
drafts      what is searched for a ticket that is being written
tables      where all of it is kept
"""
