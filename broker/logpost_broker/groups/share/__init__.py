"""Share groups (KIP-932): members share partitions, every record is acquired by one of them and acknowledged by itself.

Pure core, told the time: `share_partition` (who has which record), `states` (all of them, from journaled events),
`sessions`, `membership`. Shell: `journal`, `service`, `waiting`.
"""
