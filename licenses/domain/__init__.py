"""What a license means, in pure Python.

Token formats, verification, posture, limits and the rules about terms and time. A customer's deployment
runs the same modules as the office that signs: nothing here imports Django, reads settings or the clock,
opens a socket or touches a file. Only the standard library and ``cryptography`` are needed.
"""
