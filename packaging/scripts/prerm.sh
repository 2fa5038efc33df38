# Before the files are taken away for good. An upgrade changes nothing here: what runs goes on until the new version is
# ready.

case "$1" in
    remove) stop="deb-systemd-invoke stop" ;;    # deb, also in favour of the other package
    0 | *.*) stop="systemctl disable --now" ;;   # rpm: none of this package is left; apk: its version
    *) exit 0 ;;
esac

if [ -d "$DPKG_ROOT/run/systemd/system" ]; then
    $stop $units || true
elif [ "$1" = 0 ] && command -v systemctl >/dev/null; then
    systemctl disable $units >/dev/null 2>&1 || true
fi

rm -rf "$tree/live/$package".*
[ -e "$tree/current" ] || rm -f "$tree/current" "$tree/.current" "$tree/.fresh"
rmdir "$tree/live" 2>/dev/null || true
