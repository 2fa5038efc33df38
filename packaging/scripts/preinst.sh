# Before the files are laid: the users and groups that they and the services belong to. Users that exist stay as they
# are, also those of a directory service, and no script ever deletes one.

case "$1" in
    install | upgrade) ;; # deb
    [0-9]*) ;;            # rpm: how many of this package there are now; apk: its version
    *) exit 0 ;;
esac

add_group() {
    getent group "$1" >/dev/null && return
    if command -v groupadd >/dev/null; then groupadd --system "$1"; else addgroup -S "$1"; fi
}

add_user() {
    getent passwd "$1" >/dev/null && return
    if command -v useradd >/dev/null; then
        useradd --system --gid "$1" --no-create-home --home-dir /var/lib/logpost --shell /usr/sbin/nologin "$1"
    else
        adduser -S -D -H -h /var/lib/logpost -s /sbin/nologin -G "$1" "$1"
    fi
}

# Who is in the group logpost-agent may read /etc/logpost/logpost.toml.
may_read_settings() {
    case " $(id -nG "$1") " in *" logpost-agent "*) return ;; esac
    if command -v usermod >/dev/null; then usermod -aG logpost-agent "$1"; else addgroup "$1" logpost-agent; fi ||
        echo "$package: cannot add user $1 to group logpost-agent: do so, or it cannot read its settings" >&2
}

add_group logpost-agent
for user in $users; do
    add_group "$user"
    add_user "$user"
    may_read_settings "$user"
done
