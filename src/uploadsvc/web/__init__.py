"""
The endpoints: HTTP in, HTTP out, and no work.

Each is a factory that takes the parts it needs and returns a WSGI application, so each
can be used alone in somebody else's.
"""
