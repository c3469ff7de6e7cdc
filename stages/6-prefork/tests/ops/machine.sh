#!/bin/sh
# A machine of namespaces in which systemd is process 1: machine.sh FOLDER
# It shares the programs of this machine (/usr, read-only) and nothing else: it has its own processes, mounts, network,
# name, control groups and /etc/passwd. FOLDER/course is its /course. FOLDER/pid gets the id of its process 1, as seen
# from outside.
set -eu
folder=$1
if [ -z "${inside:-}" ]; then
    # Its own mounts come first, so that whatever is mounted from here on is gone when this ends.
    [ -n "${mounts:-}" ] || mounts=own exec unshare --mount --propagation private "$0" "$folder"
    mkdir "$folder/cgroup" "$folder/root"
    mount -t cgroup2 cgroup2 "$folder/cgroup"
    group="$folder/cgroup/herd-machine-$$"
    mkdir "$group"
    inside=yes group=$group unshare --pid --ipc --uts --net --mount --fork --kill-child "$0" "$folder" &
    machine=$!
    # unshare ignores SIGTERM while it waits, and process 1 dies with it (--kill-child).
    trap 'kill -KILL "$machine"' TERM
    # A signal ends `wait` early; the second `wait` reaps.
    wait "$machine" || wait "$machine" || true
    # The kernel has killed every process inside; the groups can be removed once the last one is gone.
    for _ in $(seq 1000); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [ -d "$group" ] || exit 0
        sleep 0.01
    done
    exit 1
fi

# Its control group becomes the root of the tree that it sees.
echo 0 >"$group/cgroup.procs"
[ -n "${rooted:-}" ] || rooted=yes exec unshare --cgroup "$0" "$folder"
# /proc is still that of the outside, so it shows this process's id there.
read -r pid _ </proc/self/stat

mount -t tmpfs tmpfs "$folder/root"
cd "$folder/root"
mkdir -p course dev etc/systemd/system old proc run srv sys tmp usr var/log
mount --bind /usr usr
mount -o remount,bind,ro usr
# Where programs are installed.
mount -t tmpfs tmpfs usr/local/bin
for name in bin sbin lib lib64; do
    if [ -L "/$name" ]; then cp -P "/$name" "$name"; fi
done
cp /etc/passwd /etc/group /etc/ld.so.cache etc
: >etc/machine-id
mount --bind "$folder/course" course
mount -t proc proc proc
# The kernel is shared, so this machine must not change its settings.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do
    : >"dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
# Only a journal, until a test starts a service.
printf '[Unit]\nRequires=systemd-journald.service\n' >etc/systemd/system/machine.target
echo "$pid" >"$folder/pid.new"
mv "$folder/pid.new" "$folder/pid"
pivot_root . old
umount -l old
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
exec setpriv --bounding-set=-sys_module,-sys_time env -i container=herd PATH=/usr/local/bin:/usr/sbin:/usr/bin \
    /usr/lib/systemd/systemd --system --unit=machine.target --log-target=journal-or-kmsg --show-status=no
