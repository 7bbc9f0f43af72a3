#!/bin/sh
# One machine of a swarm, all on this one: a Docker Engine with a network, processes and mounts of its own, to be started as
#   unshare --net --uts --mount --pid --fork --kill-child --mount-proc sh swarm_node.sh DIRECTORY NAME ADDRESS/PREFIX CGROUP
# Whoever starts it puts a network device `uplink` there. When it is killed, everything on it is.
set -eu
directory=$1 name=$2 address=$3
mkdir -p "$directory" /run/docker
mount --make-rprivate /
mount -t tmpfs none /run/docker
# Names are refused at once. Otherwise every new task first waits for a registry nobody can reach.
echo 'nameserver 127.0.0.1' >"$directory/resolv.conf"
mount --bind "$directory/resolv.conf" /etc/resolv.conf
hostname "$name"
ip link set lo up
until ip link show dev uplink >/dev/null 2>&1; do sleep 0.05; done
ip address add "$address" dev uplink
ip link set uplink up
dockerd --data-root "$directory/data" --exec-root "$directory/exec" --pidfile "$directory/dockerd.pid" \
  --cgroup-parent "$4" -H "unix://$directory/docker.sock" &
wait
