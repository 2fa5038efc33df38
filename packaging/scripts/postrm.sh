# After the files are gone. Data is deleted on purge alone, users never: files elsewhere may be theirs.

reload() {
    [ ! -d "$DPKG_ROOT/run/systemd/system" ] || systemctl daemon-reload || true
}

case "$1" in
    remove | disappear) # deb
        reload
        ;;
    0 | *.*) # rpm, apk: they have no purge
        reload
        echo "$package: settings in /etc/logpost, data in $data and the users stay"
        ;;
    purge)
        for other in "$tree"/[0-9]*/bin/logpost; do
            [ ! -e "$other" ] || exit 0 # the other package goes on with these settings and data
        done
        if command -v deb-systemd-helper >/dev/null; then
            deb-systemd-helper purge $units >/dev/null || true
        fi
        for directory in $data; do
            rm -rf "$DPKG_ROOT$directory" || true # `|| true`: it may be a mount
        done
        rmdir "$DPKG_ROOT/var/lib/logpost" 2>/dev/null || true
        echo "$package: $data deleted; users and groups ($users) stay"
        ;;
esac
