"""What the broker knows besides the records: topics and their settings, quotas, users.

`metadata_file.py` keeps all of it in `metadata.json`, many changes with one write. A setting of a topic is in
`topic_configs.py`, of a group in `group_configs.py`, of the running broker in `broker_settings.py`.
"""
