"""Installs the packages in trees of Debian, as root and without network: `make package-trials`.

The packages are those of a toy tree, which installs in a moment; their scripts, layout and metadata are the real ones.
"""
