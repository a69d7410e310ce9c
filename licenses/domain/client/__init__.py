"""A deployment as it should be: keeps its key, checks it locally, guards its writes, reports by heartbeat.

`deployment` decides, over files and a clock that is handed in; `server` is the network around it.
"""
