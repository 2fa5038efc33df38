#!/bin/sh
# boot.sh GROUP ROOT LOWER UPPER WORK: boots the systemd of a tree of Debian as the first process of a machine of its own,
# which has no network but its loopback. What it writes goes to UPPER.
set -e
# Of version 1 there is one for each of some controllers, of version 2 one, which may be /sys/fs/cgroup itself.
hierarchies() { while read -r _ place type options _; do
    case "$type $place" in cgroup*" /sys/fs/cgroup"*) echo "$place $type $options" ;; esac
done </proc/self/mounts; }

if [ -z "$MACHINE" ]; then
    hierarchies | while read -r place _; do
        mkdir -p "$place/$1"
        for file in cpuset.cpus cpuset.mems; do
            [ ! -e "$place/$file" ] || cat "$place/$file" >"$place/$1/$file"
        done
        echo $$ >"$place/$1/cgroup.procs"
    done
    export MACHINE="$1"
    exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child -- "$0" "$@"
fi

mount --make-rprivate /
mount -t overlay -o "lowerdir=$3,upperdir=$4,workdir=$5" overlay "$2"
cd "$2"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
    # shellcheck disable=SC2086
    set -- $device
    mknod -m 666 "dev/$1" c "$2" "$3"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

# The host's hierarchies of control groups, each from this machine's group on.
[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
hierarchies | while read -r place type options; do
    mkdir -p ".$place"
    mount -t "$type" -o "${options#*,relatime,}" cgroup ".$place"
done

hostname machine
mkdir oldroot
pivot_root . oldroot
umount -l /oldroot
rmdir /oldroot
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 /lib/systemd/systemd
