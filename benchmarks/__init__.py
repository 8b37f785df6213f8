"""
How fast the service is, beside what would be used instead.

Run `python -m benchmarks` in the project's virtual environment. All contenders of a table are
measured in the same run, in turn, and the medians are shown. What counts is CPU time of all
processes of a server together; the load generator's is never counted.
"""
