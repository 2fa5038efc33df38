"""Makes deb, rpm and apk of the private trees, and opens and tries what was made; see packaging/README.md."""
