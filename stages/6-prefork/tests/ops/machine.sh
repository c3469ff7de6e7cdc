#!/bin/sh
# A machine of namespaces in which systemd is process 1: machine.sh FOLDER
# It has the programs of this machine (/usr, read-only) and nothing else of it: its own processes, mounts, network, name,
# control groups and users. FOLDER/course is its /course. FOLDER/pid gets the number of its process 1, seen from here.
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
    # It ignores SIGTERM while it waits, and process 1 follows it (--kill-child).
    trap 'kill -KILL "$machine"' TERM
    # A signal ends `wait` early; the second one collects.
    wait "$machine" || wait "$machine" || true
    # The kernel has killed every process in there; the groups are empty as soon as the last one is gone.
    for _ in $(seq 1000); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [ -d "$group" ] || exit 0
        sleep 0.01
    done
    exit 1
fi

# A group of control groups that it takes for the whole tree.
echo 0 >"$group/cgroup.procs"
[ -n "${rooted:-}" ] || rooted=yes exec unshare --cgroup "$0" "$folder"
# /proc is still the one outside, and there this process has the number that is needed there.
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
# The kernel is everybody's, so its settings are not for this machine to change.
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
# No more than a journal, until somebody starts something.
printf '[Unit]\nRequires=systemd-journald.service\n' >etc/systemd/system/machine.target
echo "$pid" >"$folder/pid.new"
mv "$folder/pid.new" "$folder/pid"
pivot_root . old
umount -l old
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
exec setpriv --bounding-set=-sys_module,-sys_time env -i container=herd PATH=/usr/local/bin:/usr/sbin:/usr/bin \
    /usr/lib/systemd/systemd --system --unit=machine.target --log-target=journal-or-kmsg --show-status=no
