"""Makes the private trees that packages are made of: a Python of its own, dependencies, logpost.

Runs on Debian or Ubuntu with Python 3.11 or newer and its standard library; see packaging/README.md.
"""
