#!/bin/sh
# Starts Ceph's object gateway on 127.0.0.1, with all of its data in memory, for
# nothing but a test: one monitor, one OSD, two gateways, no manager, no systemd.
# The second gateway has the same buckets, and lists them one key a page: each
# key is the end of a page there.
#
#   ceph.sh start FOLDER [PORT]   prints what run.ts takes from the environment;
#                               takes PORT, 18080, and the two behind it
#   ceph.sh stop FOLDER           ends what was started, and removes the folder
#
# On Debian: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd
set -eu

[ $# -ge 2 ] || { echo "usage: ceph.sh start FOLDER [PORT] | ceph.sh stop FOLDER" >&2; exit 2; }
action=$1
folder=$2
port=${3:-18080}
mon_port=$((port + 1))
tiny_port=$((port + 2))

stop() {
  for name in client.tiny client.rgw osd.0 mon.a; do
    pid=$(cat "$folder/$name.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
  done
  rm -rf "$folder"
}

write_config() {
  cat >"$folder/ceph.conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon_host = v1:127.0.0.1:$mon_port
mon_initial_members = a
public_addr = 127.0.0.1
public_network = 127.0.0.0/8
ms_bind_msgr2 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_allow_insecure_global_id_reclaim = true
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 8589934592
run_dir = $folder
admin_socket = $folder/\$name.asok
log_file = $folder/\$name.log
pid_file = $folder/\$name.pid
rgw_enable_usage_log = false
rgw_dynamic_resharding = false
[client.rgw]
rgw_data = $folder/rgw
rgw_frontends = beast endpoint=127.0.0.1:$port
[client.tiny]
rgw_data = $folder/tiny
rgw_frontends = beast endpoint=127.0.0.1:$tiny_port
rgw_max_listing_results = 1
[mon.a]
mon_data = $folder/mon
[osd.0]
osd_data = $folder/osd
CONF
}

# An answer within half a minute, or the end of this script.
until_it_holds() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo "gave up waiting for: $*; see $folder/*.log" >&2; exit 1; }
    sleep 0.5
  done
}
osd_is_up() { ceph -c "$folder/ceph.conf" osd stat | grep -q ' 1 up'; }

start() {
  mkdir -p "$folder/mon" "$folder/osd" "$folder/rgw" "$folder/tiny"
  write_config
  conf="$folder/ceph.conf"
  fsid=$(awk '/^fsid/ { print $3 }' "$conf")
  {
    monmaptool --create --addv a "[v1:127.0.0.1:$mon_port]" --fsid "$fsid" "$folder/monmap"
    ceph-mon -c "$conf" --mkfs -i a --monmap "$folder/monmap"
    ceph-mon -c "$conf" -i a
    # A memstore takes zeros for its identity unless it finds one, and a monitor may refuse those.
    uuid=$(cat /proc/sys/kernel/random/uuid)
    echo "$uuid" >"$folder/osd/fsid"
    ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$uuid"
    ceph -c "$conf" osd new "$uuid" 0
    ceph-osd -c "$conf" -i 0
    until_it_holds osd_is_up
    radosgw -c "$conf" -n client.rgw
    until_it_holds curl -sf "http://127.0.0.1:$port/"
    radosgw -c "$conf" -n client.tiny
    until_it_holds curl -sf "http://127.0.0.1:$tiny_port/"
    radosgw-admin -c "$conf" user create --uid muster --display-name Muster \
      --access-key MUSTERACCESS --secret-key muster-secret
  } >"$folder/start.log" 2>&1 || { tail -5 "$folder/start.log" >&2; exit 1; }
  echo "TINY_ENDPOINT=http://127.0.0.1:$tiny_port"
  echo "ENDPOINT=http://127.0.0.1:$port ACCESS_KEY=MUSTERACCESS SECRET_KEY=muster-secret"
}

case $action in
  start) start ;;
  stop) stop ;;
  *) echo "expected start or stop; got $action" >&2; exit 2 ;;
esac
