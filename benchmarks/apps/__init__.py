"""What runs on the other side: small servers and WSGI applications that are measured beside ours.

They import nothing of the service and little of each other: they run under the peers' Python.
"""
