"""Real orders, each sent at most once: the protocol of intents. Venue-neutral; no exchange's library is imported here.

What was decided is committed before it is sent (`ledger`), sent by one lane (`lane`) through a guard that counts (`egress`),
and whatever the venue then says or fails to say is resolved by the venue's own evidence (`resolve`, `proof`) or kept aside
with its funds reserved. Facts that move money go over the tape and are booked by the machine; this room never books anything.
"""
