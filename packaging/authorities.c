/* Where OpenSSL looks for certificate authorities when nobody names any: in this host's store, wherever its distribution
   keeps it. These six take the place of OpenSSL's own (crypto/x509/x509_def.c), which know one place, set when OpenSSL is
   built. SSL_CERT_FILE and SSL_CERT_DIR go first, as ever. */

#include <unistd.h>

#define DIRECTORY "/etc/ssl"

static const char *const STORES[] = {
    "/etc/ssl/certs/ca-certificates.crt",    /* Debian, Ubuntu, Alpine, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",      /* Red Hat, Fedora, Amazon */
    "/var/lib/ca-certificates/ca-bundle.pem", /* SUSE */
    "/etc/ssl/ca-bundle.pem",                /* SUSE before 12 */
};

const char *X509_get_default_cert_file(void)
{
    for (size_t i = 0; i < sizeof STORES / sizeof *STORES; i++)
        if (access(STORES[i], R_OK) == 0)
            return STORES[i];
    return DIRECTORY "/cert.pem";
}

const char *X509_get_default_cert_dir(void) { return DIRECTORY "/certs"; }
const char *X509_get_default_cert_area(void) { return DIRECTORY; }
const char *X509_get_default_private_dir(void) { return DIRECTORY "/private"; }
const char *X509_get_default_cert_file_env(void) { return "SSL_CERT_FILE"; }
const char *X509_get_default_cert_dir_env(void) { return "SSL_CERT_DIR"; }
