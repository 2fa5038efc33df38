# After the files are laid: what runs changes to the new version, all at once.
#
# A package manager deletes the old version's files while its programs run, minutes before it comes here, and Python
# loads files late. So what runs are hard links to the packaged tree, in a directory of its own that no package manager
# knows, and `current` says which.

case "$1" in
    configure | abort-remove | abort-deconfigure) ;; # deb
    [0-9]*) ;;                                       # rpm, apk: as in the script before
    *) exit 0 ;;
esac

before=$(readlink "$tree/current" || true)
mkdir -p "$tree/live"
new=$(mktemp -d "$tree/live/$package.XXXXXX")
if ! cp -al "$tree/$version/." "$new"; then
    rm -rf "$new"
    echo "$package: cannot link $tree/$version into $new: what ran before goes on" >&2
    exit 1
fi
case "$before" in
    "live/$package."*) ;;
    # Installed for the first time, again, or in place of the other package. The file is there until all is done, so that
    # one that is cut off is started by the next try.
    *) : >"$tree/.fresh" ;;
esac
ln -sfn "live/${new##*/}" "$tree/.current"
mv -T "$tree/.current" "$tree/current"

# Debian enables services, and its helper remembers what the administrator disabled, without systemd too. Elsewhere the
# distribution's presets decide.
if command -v deb-systemd-helper >/dev/null; then
    if deb-systemd-helper --quiet was-enabled "$unit"; then
        deb-systemd-helper enable "$unit" >/dev/null || true
    else
        deb-systemd-helper update-state "$unit" >/dev/null || true
    fi
elif [ -e "$tree/.fresh" ] && command -v systemctl >/dev/null; then
    systemctl preset "$unit" >/dev/null 2>&1 || true
fi

invoke() {
    if command -v deb-systemd-invoke >/dev/null; then deb-systemd-invoke "$@"; else systemctl "$@"; fi
}

# What was running runs the new version; what was stopped, disabled or masked stays so.
if [ -d "$DPKG_ROOT/run/systemd/system" ]; then
    systemctl daemon-reload || true
    if [ ! -e "$tree/.fresh" ]; then
        for each in $units; do
            systemctl is-active --quiet "$each" || continue
            invoke try-restart "$each" 2>/dev/null || echo "$package: $each does not start: systemctl status $each" >&2
        done
    elif systemctl is-enabled --quiet "$unit"; then
        invoke start "$unit" 2>/dev/null || echo "$package: $unit does not start: systemctl status $unit" >&2
    else
        echo "$package: to start it: systemctl enable --now $unit"
    fi
fi
rm -f "$tree/.fresh"

# Trees of older versions that nothing runs from any more.
running=$(ls -l /proc/[0-9]*/exe 2>/dev/null || true)
for old in "$tree/live/$package".*; do
    case "$running" in *"$old/"*) continue ;; esac
    [ "$old" = "$new" ] || rm -rf "$old"
done
