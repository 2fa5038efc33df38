"""Installs the packages in trees of Debian, as root and without network: `make package-trials`.

Where only scripts, layout and metadata matter, the packages are those of a toy tree, which installs in a moment; where
services are to run, the real ones (`test_whole*`, `booted/`, the archive and the container).
"""
