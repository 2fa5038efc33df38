"""The certificate authorities that this host trusts, for all that no setting names any."""

from __future__ import annotations

import ssl


def store() -> str:
    """The file, else the directory, where OpenSSL of this process finds them; "" when there is none. It is what the
    variables SSL_CERT_FILE and SSL_CERT_DIR name, else the distribution's own store, which its tools add to."""
    found = ssl.get_default_verify_paths()
    return found.cafile or found.capath or ""
