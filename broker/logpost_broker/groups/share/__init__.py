"""Share groups (KIP-932): members share partitions, and each record is given to one of them and acknowledged by itself.

Pure core, told the time: `share_partition` (who has which record), `states` (all of them, from journaled events),
`sessions`, `coordinator` (members). Shell: `journal`, `delivery`, `waiting`.
"""
