#!/usr/bin/env bash
# Makes a container with the TailOps gateway on a Proxmox VE host, or updates or removes it:
#   bash -c "$(curl -fsSL …/ct/tailops-gateway.sh)"
# What fails is undone: this run removes exactly what it made. Exit codes of Proxmox VE's programs do not always tell
# whether they did it, so everything is looked at afterwards.
# Everything stands in functions, and the last line calls one: a download that broke off does nothing.
set -euo pipefail
shopt -s inherit_errexit
umask 077

# A release writes these: what is downloaded must hash to them.
release_version=''
release_url='' # https://…/download: the files of a version are in $release_url/v$version
release_sums='' # sha256 of the SHA256SUMS of that version
release_installer='' # sha256 of the install.sh of that version

tag=tailops-gateway
mark='made-by-tailops-gateway' # in the description of a container
role=TailOpsGateway
pve_user=tailops@pve
user_comment='TailOps gateway, made by tailops-gateway.sh'
inside=/root/.tailops-install # in a container, while something is installed
made=() # what this run made, first things first
work=''

usage() {
  cat <<'END'
Usage: tailops-gateway.sh [OPTIONS]             make a container with the TailOps gateway, or update the one that is there
       tailops-gateway.sh --containers 101,102  install or update the gateway in containers that exist
       tailops-gateway.sh --uninstall [--yes]   remove the container, and the user, role and token made for it

  --from DIR   no download: a folder with the files of a release (install.sh, SHA256SUMS, tailops-linux-x64.gz)
  --yes        ask nothing
  --help       this text

From the environment: var_ctid var_hostname var_cpu var_ram (MiB) var_disk (GB) var_brg var_net (dhcp or CIDR) var_gateway
var_vlan var_ns var_tags var_unprivileged (1) var_version (Debian 13 or 12) var_container_storage var_template_storage
var_proxmox (yes, no, control) var_listen (0.0.0.0:8080) var_tun (no) var_tailscale (no) var_tailscale_authkey_file
var_tailscale_tags var_wait (60 s) var_unattended; also NEXTID HN CORE_COUNT CPU_CORES RAM_SIZE DISK_SIZE BRIDGE UNPRIVILEGED.
END
}

say() { printf '%s\n' "$*"; }

# fail CODE SENTENCE [WHAT TO DO]
fail() {
  printf 'tailops-gateway: %s\n' "$2" >&2
  [ -z "${3:-}" ] || printf '  %s\n' "$3" >&2
  exit "$1"
}

main() {
  action=install from='' yes='' containers='' token='' secret='' summary=()
  parse "$@"
  cd /
  export LC_ALL=C PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin" # cron's has no sbin
  check_host
  settings
  exec 9>/run/lock/tailops-gateway.lock
  flock -w 3 9 || fail 1 'another run of this script has not ended' 'wait for it'
  trap finish EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  work=$(mktemp -d)
  case $action in
    uninstall) uninstall ;;
    containers)
      get_files
      install_in_all
      ;;
    *) install_or_update ;;
  esac
}

parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      --from | --containers)
        [ -n "${2:-}" ] || fail 2 "$1 needs a value" '--help tells more'
        set_option "$1" "$2"
        shift
        ;;
      --from=?* | --containers=?*) set_option "${1%%=*}" "${1#*=}" ;;
      --uninstall) action=uninstall ;;
      --yes | -y) yes=1 ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) fail 2 "there is no option $1" '--help tells more' ;;
    esac
    shift
  done
}

set_option() {
  if [ "$1" = --from ]; then
    from=$(realpath -e -- "$2") || fail 2 "there is no folder $2"
  else
    [[ $2 =~ ^[1-9][0-9]{2,8}(,[1-9][0-9]{2,8})*$ ]] || fail 2 "--containers takes ids like 101,102, not $2"
    action=containers containers=$2
  fi
}

# ---- The host

check_host() {
  [ "$(id -u)" -eq 0 ] || fail 104 'this needs root' 'run it as root, in the shell of the Proxmox host'
  local program
  if ! command -v pveversion >/dev/null; then
    fail 232 'this is no Proxmox VE host' 'run it on the host; in a container that has TailOps: tailops update'
  fi
  for program in pct pveam pvesm pvesh pveum curl flock setsid sha256sum timeout; do
    command -v "$program" >/dev/null || fail 232 "the program $program is missing on this host"
  done
  local version
  version=$(pveversion) || fail 105 'pveversion does not answer'
  version=${version#*/}
  pve=${version%%[-/]*}
  case $pve in
    8.* | 9.*) ;;
    *) fail 105 "this is Proxmox VE ${pve:-of an unknown version}; 8 and 9 are supported" ;;
  esac
  case $(dpkg --print-architecture) in
    amd64) arch=amd64 build=x64 ;;
    *) fail 106 'containers are made on amd64 only' 'elsewhere: install.sh in a container of your own' ;;
  esac
  [ -n "$(pvesh get /cluster/nextid 2>/dev/null)" ] || fail 1 'the API of this host does not answer' 'systemctl status pve-cluster'
  check_quorum
  # Since pve-container 5.0.9; what the shell of root holds is no business of a container.
  keep_env=(--keep-env 0)
  [[ $pve != 8.0* ]] || keep_env=()
}

check_quorum() {
  [ -e /etc/pve/corosync.conf ] || return 0
  local status
  status=$(pvecm status 2>/dev/null) || status=''
  grep -Eq '^Quorate: *Yes' <<<"$status" || fail 210 'the cluster has no quorum' 'pvecm status tells which nodes are missing'
}

# whole PROGRAM…: to its end, also when somebody presses Ctrl-C or closes the terminal: half of it could not be undone. Were
# this script killed, its lock would be held until then.
# shellcheck disable=SC2016
whole() { setsid -w bash -c '"$@" 9>&-; exit $?' bash "$@" </dev/null; }

# again PROGRAM…: three times at most.
again() { "$@" || { sleep 1 && "$@"; } || { sleep 1 && "$@"; }; }

# ---- Inside a container

# in_ct ID PROGRAM…: with its exit code and streams, without the environment of this host.
in_ct() {
  local id=$1
  shift
  env -i PATH="$PATH" LC_ALL=C pct exec "$id" "${keep_env[@]}" -- /usr/bin/env \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C "$@" </dev/null 9>&-
}

# push ID FILE PLACE MODE: pct push ends well also where it failed, so the file is asked for inside.
push() {
  local got want
  want=$(sha256sum <"$2")
  pct push "$1" "$2" "$3" --perms "$4" || fail 1 "cannot copy ${2##*/} to container $1"
  got=$(in_ct "$1" sha256sum "$3" 2>/dev/null) || got=''
  [ "${got%% *}" = "${want%% *}" ] || fail 1 "${2##*/} did not arrive in container $1" 'is its disk full?'
}

# wait_for WORDS PROGRAM…: it is tried once a second.
wait_for() {
  local words=$1 tries=0
  shift
  until "$@" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt "$wait" ] || fail 118 "$words, after $wait s"
    sleep 1
  done
}

# config_says ID PATTERN
config_says() {
  local config
  config=$(pct config "$1" 2>/dev/null) && grep -q "$2" <<<"$config"
}

is_up() { [ "$(pct status "$1")" = 'status: running' ]; }

# wait_for_systemd ID: until all units have begun. Where one takes ever longer, it is enough that systemd answers.
wait_for_systemd() {
  local state tries=0
  while :; do
    state=$(in_ct "$1" systemctl is-system-running 2>/dev/null) || true
    case $state in running | degraded) return ;; esac
    tries=$((tries + 1))
    [ "$tries" -lt "$wait" ] || break
    sleep 1
  done
  [ "$state" = starting ] || fail 117 "systemd does not run in container $1: ${state:-no answer}, after $wait s"
}

# ready ID: asks the gateway where it listens.
ready() {
  local listens
  listens=$(in_ct "$1" sed -n 's/^TAILOPS_LISTEN=//p' /etc/tailops/tailops.env 2>/dev/null) || listens=''
  in_ct "$1" env "TAILOPS_LISTEN=${listens:-127.0.0.1:8080}" tailops health --wait 30 >/dev/null
}

# ---- What is installed: fetched and checked on the host, so that a container needs no network for it

get_files() {
  local name
  if [ -n "$from" ]; then
    for name in install.sh SHA256SUMS "tailops-linux-$build.gz"; do
      cp "$from/$name" "$work/$name" || fail 115 "there is no $name in $from"
    done
  else
    [ -n "$release_url" ] || fail 2 'this script belongs to no release: it does not know where to download from' 'take it from a release, or give --from DIR'
    for name in install.sh SHA256SUMS "tailops-linux-$build.gz"; do
      say "Downloading $name of version $release_version"
      curl -fsSL --proto '=https' --retry 2 --connect-timeout 20 -o "$work/$name" "$release_url/v$release_version/$name" </dev/null ||
        fail 115 "cannot download $name" 'is there a network, does DNS work?'
    done
    same "$work/SHA256SUMS" "$release_sums"
    same "$work/install.sh" "$release_installer"
  fi
  same "$work/tailops-linux-$build.gz" "$(awk -v name="tailops-linux-$build.gz" '{ sub(/^\*/, "", $2) } $2 == name { print $1; exit }' "$work/SHA256SUMS")"
}

same() {
  local got
  got=$(sha256sum <"$1")
  [ "${got%% *}" = "${2:-none}" ] || fail 115 "the checksum of ${1##*/} is wrong" 'do not use it; download it again'
}

# install_in ID: installs or updates the service; install.sh undoes what fails.
install_in() {
  local name code=0
  made+=("files $1")
  in_ct "$1" mkdir -p -m 700 "$inside" || fail 1 "cannot write to the disk of container $1"
  for name in install.sh SHA256SUMS "tailops-linux-$build.gz"; do push "$1" "$work/$name" "$inside/$name" 0600; done
  in_ct "$1" sh "$inside/install.sh" --from "$inside" >"$work/installed" 2>&1 || code=$?
  in_ct "$1" rm -rf "$inside" || fail 1 "cannot remove $inside in container $1"
  unset 'made[-1]'
  if [ "$code" -ne 0 ]; then
    cat "$work/installed" >&2
    fail 1 "TailOps could not be installed in container $1" 'install.sh has undone what it did there'
  fi
  token=$(sed -n 's/^  \(tops_[A-Za-z0-9_]*\)$/\1/p' "$work/installed")
  add_comforts "$1"
  ready "$1" || fail 1 "the gateway in container $1 is not ready" "pct exec $1 -- journalctl -u tailops"
}

# What users of community scripts expect: update, and a few lines at login. Those of others stay.
add_comforts() {
  if is_ours "$1" /usr/bin/update; then
    printf '#!/bin/sh\nexec /usr/local/bin/tailops update "$@"\n' >"$work/update"
    push "$1" "$work/update" /usr/bin/update 0755
  fi
  cat >"$work/motd" <<'END'
echo
echo "TailOps gateway on $(hostname): $(hostname -I 2>/dev/null)"
echo "  systemctl status tailops    /etc/tailops/targets.yaml    update"
echo
END
  push "$1" "$work/motd" /etc/profile.d/00_tailops.sh 0644
}

# shellcheck disable=SC2016
is_ours() { in_ct "$1" sh -c '[ ! -e "$1" ] || grep -q tailops "$1"' sh "$2"; }

install_in_all() {
  local id bad=0
  for id in ${containers//,/ }; do
    one_of_all "$id" >"$work/result" 2>"$work/problem" || {
      bad=1
      say failed: >"$work/result"
      tail -n 4 "$work/problem" >>"$work/result"
    }
    summary+=("$(printf '%-10s %s' "$id" "$(tr -s ' \n' ' ' <"$work/result")")")
  done
  printf 'VMID       Result\n'
  printf '%s\n' "${summary[@]}"
  [ "$bad" -eq 0 ] || fail 1 'not all containers could be done'
}

# In a shell of its own: what fails ends only itself, and what it says is kept.
one_of_all() (
  trap finish_one EXIT
  is_up "$1" || fail 1 'it is not there or does not run'
  install_in "$1"
  in_ct "$1" tailops version
  [ -z "$token" ] || say "first token: $token"
)

finish_one() {
  local code=$?
  set +e
  undo
  exit "$code"
}

# ---- The container

install_or_update() {
  local id ids done=''
  ids=$(own_containers) || fail 1 'cannot list the containers of this host'
  for id in $ids; do
    if config_says "$id" "^description:.*$mark unfinished"; then
      say "Container $id is of a run that was killed: it is removed first."
      remove_gateway "$id"
    elif [ -z "$ctid" ] || [ "$ctid" = "$id" ]; then
      update "$id"
      done=1
    fi
  done
  [ -n "$done" ] || create
}

update() {
  say "Container $1 has the gateway: it is updated."
  [ -e "$work/install.sh" ] || get_files
  if ! is_up "$1"; then
    made+=("running $1")
    whole pct start "$1" || fail 117 "container $1 does not start"
  fi
  wait_for_systemd "$1"
  install_in "$1"
  made=()
  say "Container $1 has $(in_ct "$1" tailops version) and is ready."
}

# Those with our tag and our mark: a tag alone may be anybody's.
own_containers() {
  local file id config
  for file in /etc/pve/lxc/*.conf; do
    grep -qs "$mark" "$file" || continue
    id=${file##*/} id=${id%.conf}
    config=$(pct config "$id") || return 1
    if grep -Eq "^tags:.*\b$tag\b" <<<"$config" && grep -q "^description:.*$mark" <<<"$config"; then say "$id"; fi
  done
}

settings() {
  hostname=${var_hostname:-${HN:-tailops}} cores=${var_cpu:-${CORE_COUNT:-${CPU_CORES:-1}}}
  ram=${var_ram:-${RAM_SIZE:-1024}} disk=${var_disk:-${DISK_SIZE:-4}} bridge=${var_brg:-${BRIDGE:-vmbr0}}
  net=${var_net:-dhcp} gateway=${var_gateway:-} vlan=${var_vlan:-} ns=${var_ns:-} release=${var_version:-13}
  unprivileged=${var_unprivileged:-${UNPRIVILEGED:-1}} ctid=${var_ctid:-${NEXTID:-}} tags=${var_tags:-}
  storage=${var_container_storage:-} template_storage=${var_template_storage:-} listen=${var_listen:-0.0.0.0:8080}
  proxmox=${var_proxmox:-yes} tailscale=${var_tailscale:-no} tun=${var_tun:-no} authkey=${var_tailscale_authkey_file:-}
  ts_tags=${var_tailscale_tags:-} wait=${var_wait:-60}
  disk=${disk%G}
  [ -z "$ctid" ] || [[ $ctid =~ ^[1-9][0-9]{2,8}$ ]] || fail 205 "$ctid is no id of a container" 'it is a number from 100 on'
  whole_number "$wait"
}

whole_number() { [[ $1 =~ ^[1-9][0-9]{0,8}$ ]] || fail 2 "$1 is no whole number"; }

unattended() {
  case ${var_unattended:-${UNATTENDED:-}} in yes | true | 1) return 0 ;; esac
  [ -n "$yes" ] || [ "${PHS_SILENT:-}" = 1 ] || ! [ -t 0 ] || ! command -v whiptail >/dev/null
}

ask() { # ask WORDS DEFAULT
  whiptail --title TailOps --inputbox "$1" 9 64 "$2" 3>&1 1>&2 2>&3 || fail 130 'not wanted: nothing was made'
}

choose() { # choose WORDS TAG TEXT TAG TEXT…
  local words=$1
  shift
  whiptail --title TailOps --menu "$words" 16 70 6 "$@" 3>&1 1>&2 2>&3 || fail 130 'not wanted: nothing was made'
}

ask_settings() {
  local how=${mode:-}
  [ -n "$how" ] || how=$(choose 'A container with the TailOps gateway' default "Debian $release, $cores core, $ram MiB, $disk GB" advanced 'ask for each')
  [ "$how" = advanced ] || return 0
  ctid=$(ask 'Id of the container (empty: the next free one)' "$ctid")
  hostname=$(ask 'Its name' "$hostname")
  cores=$(ask 'Cores' "$cores")
  ram=$(ask 'Memory in MiB' "$ram")
  disk=$(ask 'Disk in GB' "$disk")
  bridge=$(ask 'Bridge' "$bridge")
  net=$(ask 'Address: dhcp, or like 192.168.1.50/24' "$net")
  [ "$net" = dhcp ] || gateway=$(ask 'Its gateway' "$gateway")
  proxmox=$(choose 'May the gateway look after this Proxmox VE?' yes 'read it' control 'read it; start and stop guests' no 'no')
  tailscale=$(choose 'Tailscale in the container?' no 'no' yes 'yes')
}

check_settings() {
  local value
  for value in "$cores" "$ram" "$disk" "$release"; do whole_number "$value"; done
  [[ $hostname =~ ^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$ ]] || fail 2 "$hostname is no host name"
  [[ $unprivileged =~ ^[01]$ ]] || fail 2 "unprivileged is 1 or 0, not $unprivileged"
  [[ $proxmox =~ ^(yes|no|control)$ ]] || fail 2 "var_proxmox is yes, no or control, not $proxmox"
  for value in "$tailscale" "$tun"; do [[ $value =~ ^(yes|no)$ ]] || fail 2 "var_tailscale and var_tun are yes or no, not $value"; done
  [[ $net =~ ^(dhcp|[0-9.]+/[0-9]+)$ ]] || fail 2 "var_net is dhcp or an address like 192.168.1.50/24, not $net"
  [[ $gateway$ns$vlan$bridge$ts_tags =~ ^[][A-Za-z0-9.:,/_\ -]*$ ]] || fail 2 'an address, a tag or a bridge has characters that do not belong there'
  [[ $tags =~ ^[a-z0-9_+.\;-]*$ ]] || fail 2 "var_tags has small letters, digits and semicolons, not $tags"
  [[ $listen =~ ^[][A-Za-z0-9.:-]+:[0-9]+$ ]] || fail 2 "var_listen is an address and a port, not $listen"
  [ -e "/sys/class/net/$bridge" ] || fail 118 "there is no bridge $bridge on this host" 'var_brg names another one'
  [ -z "$authkey" ] || [ -r "$authkey" ] || fail 2 "cannot read $authkey"
  if [ "$tailscale" = yes ]; then
    tun=yes
    [ -n "${var_listen:-}" ] || listen=127.0.0.1:8080
  fi
  [ -z "$ctid" ] || [[ $ctid =~ ^[1-9][0-9]{2,8}$ ]] || fail 205 "$ctid is no id of a container" 'it is a number from 100 on'
  [ -z "$ctid" ] || id_is_free "$ctid" || fail 206 "the id $ctid is taken" 'without one, the next free one is used'
  [ "$proxmox" = no ] || check_access
}

id_is_free() { [ "$(pvesh get /cluster/nextid --vmid "$1" 2>/dev/null)" = "$1" ]; }

# storage_for CONTENT GIB WANTED: the one that is wanted, or the active one with the most room.
storage_for() {
  local rows found
  rows=$(pvesm status --content "$1") || fail 119 'pvesm status fails'
  found=$(awk -v need="$(($2 * 1048576))" -v wanted="$3" '
    NR > 1 && $3 == "active" && $2 !~ /^(iscsi|iscsidirect|zfs|cephfs|pbs)$/ && $6 >= need && (wanted == "" || $1 == wanted) && $6 > most {
      most = $6; name = $1 } END { print name }' <<<"$rows")
  [ -n "$found" ] || fail 119 "no storage${3:+ $3} for $1 is active with $2 GB free" 'pvesm status shows them'
  say "$found"
}

# has_template NAME
has_template() {
  local listed
  listed=$(pveam list "$template_storage") || return 1
  awk '{ print $1 }' <<<"$listed" | grep -Fxq "$template_storage:vztmpl/$1"
}

find_template() {
  local listed name
  listed=$(pveam list "$template_storage") || fail 225 "cannot list the templates of $template_storage"
  name=$(newest "$(awk 'NR > 1 { sub(/^[^\/]*\//, "", $1); print $1 }' <<<"$listed")")
  template=$template_storage:vztmpl/$name
  [ -z "$name" ] || return 0
  timeout 60 pveam update >/dev/null || true
  listed=$(pveam available --section system) || listed=''
  name=$(newest "$(awk '{ print $2 }' <<<"$listed")")
  [ -n "$name" ] || fail 225 "there is no template of Debian $release for $arch" 'pveam update; pveam available'
  template=$template_storage:vztmpl/$name
  say "Downloading the template $name"
  made+=("template $name")
  pveam download "$template_storage" "$name" >"$work/template" 2>&1 || true
  # Its exit code says nothing; what is listed has passed the checksum.
  has_template "$name" || {
    tail -n 3 "$work/template" >&2
    fail 222 "the template $name could not be downloaded"
  }
}

newest() { grep -E "^debian-$release-standard_.*_${arch}[.]tar[.]" <<<"$1" | sort -V | tail -n 1 || true; }

create() {
  unattended || ask_settings
  check_settings
  get_files
  storage=$(storage_for rootdir "$disk" "$storage")
  template_storage=$(storage_for vztmpl 1 "$template_storage")
  find_template
  [ "$unprivileged" = 0 ] || allow_ids
  create_container
  whole pct start "$ctid" || fail 117 "container $ctid does not start"
  is_up "$ctid" || fail 117 "container $ctid does not run"
  own_root
  wait_for "container $ctid has no address on $bridge" has_address
  wait_for_systemd "$ctid"
  say "Container $ctid runs at $address; installing TailOps"
  install_in "$ctid"
  [ "$proxmox" = no ] || make_token
  configure
  [ "$tailscale" = no ] || add_tailscale
  check_health
  whole pct set "$ctid" --description "TailOps gateway. $mark finished $run" || fail 1 "cannot mark container $ctid as finished"
  config_says "$ctid" "$mark finished $run" || fail 1 "cannot mark container $ctid as finished"
  made=()
  tell
}

# Root of the container is user 100000 here; a host without these lines refuses to shift.
allow_ids() {
  local file
  for file in /etc/subuid /etc/subgid; do
    ! awk -F : '($1 == "root" || $1 == 0) && $2 <= 100000 && $2 + $3 >= 165536 { found = 1 } END { exit !found }' "$file" || continue
    made+=("ids $file")
    say root:100000:65536 >>"$file"
  done
}

create_container() {
  local attempt options chosen=$ctid
  run=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
  for attempt in 1 2 3; do
    [ -n "$chosen" ] || ctid=$(pvesh get /cluster/nextid)
    [[ $ctid =~ ^[1-9][0-9]{2,8}$ ]] || fail 109 'the host names no free id'
    container_options
    made+=("container $ctid")
    if whole pct create "$ctid" "$template" "${options[@]}" >"$work/created" 2>&1; then
      config_says "$ctid" "$run" || fail 209 "container $ctid was not made, though pct create says so"
      [ "$tun" = no ] || [[ $pve != 8.0* ]] || add_tun_lines
      return
    fi
    # Somebody else took the id in between: what is there is theirs.
    if grep -q 'already exists' "$work/created"; then
      unset 'made[-1]'
      if [ -z "$chosen" ] && [ "$attempt" -lt 3 ]; then continue; fi
    fi
    tail -n 3 "$work/created" >&2
    fail 209 "container $ctid could not be made"
  done
}

container_options() {
  options=(--hostname "$hostname" --cores "$cores" --memory "$ram" --swap 512 --rootfs "$storage:$disk"
    --net0 "name=eth0,bridge=$bridge,ip=$net${gateway:+,gw=$gateway}${vlan:+,tag=$vlan}"
    --unprivileged "$unprivileged" --features nesting=1 --onboot 1 --ostype debian
    --tags "$tag${tags:+;$tags}" --description "TailOps gateway. $mark unfinished $run")
  [ -z "$ns" ] || options+=(--nameserver "$ns")
  [ "$tun" = yes ] || return 0
  [ -e /dev/net/tun ] || modprobe tun || fail 1 'this host has no /dev/net/tun'
  [[ $pve == 8.0* ]] || options+=(--dev0 /dev/net/tun)
}

# Where --dev0 is not known yet.
add_tun_lines() {
  printf '%s\n' 'lxc.cgroup2.devices.allow: c 10:200 rwm' \
    'lxc.mount.entry: /dev/net/tun dev/net/tun none bind,create=file' >>"/etc/pve/lxc/$ctid.conf"
}

# Some templates leave / to the host's root, who is nobody inside: systemd then trusts no path.
own_root() {
  local owner place
  [ "$unprivileged" = 1 ] || return 0
  owner=$(in_ct "$ctid" stat -c %u /) || fail 117 "pct exec does not work in container $ctid"
  [ "$owner" != 0 ] || return 0
  whole pct stop "$ctid" || fail 117 "container $ctid does not stop"
  place=$(pct mount "$ctid") || fail 117 "cannot mount container $ctid"
  place=${place#*\'} place=${place%\'*}
  chown 100000:100000 "$place" || true
  pct unmount "$ctid" || fail 117 "cannot unmount container $ctid"
  whole pct start "$ctid" || fail 117 "container $ctid does not start"
  owner=$(in_ct "$ctid" stat -c %u /) || owner=''
  [ "$owner" = 0 ] || fail 117 "/ in container $ctid does not belong to its root" 'another template may help: var_version=12'
}

has_address() {
  local all
  all=$(in_ct "$ctid" hostname -I) || return 1
  address=$(tr ' ' '\n' <<<"$all" | grep -E '^[0-9]+([.][0-9]+){3}$' | head -n 1) || return 1
}

# ---- The Proxmox token of the gateway: a user without a password, a role with what it needs, a token per container

privileges() {
  printf VM.Audit,Sys.Audit,Datastore.Audit,Pool.Audit
  # Addresses of VMs, by their guest agent; before Proxmox VE 9 that went only with the VM's monitor.
  [[ $pve == 8.* ]] || printf ,VM.GuestAgent.Audit
  [ "$proxmox" = yes ] || printf ,VM.PowerMgmt
}

sorted() { tr , '\n' <<<"${1// /}" | sort | paste -sd ,; }

# What is there already and differs is found before anything is made.
check_access() {
  local all held
  all=$(pveum user list --output-format json) || fail 1 'cannot list the users of Proxmox'
  user_is_there=''
  if [[ $all == *"\"$pve_user\""* ]]; then
    user_is_there=1
    [[ $all == *"$user_comment"* ]] || fail 1 "the user $pve_user is there and was not made by this script" 'var_proxmox=no leaves it alone; docs/proxmox.md tells how to make a token'
  fi
  all=$(pveum role list --output-format json) || fail 1 'cannot list the roles of Proxmox'
  role_is_there=''
  if [[ $all == *"\"$role\""* ]]; then
    role_is_there=1
    held=$(tr '}' '\n' <<<"$all" | grep -F "\"$role\"" | sed -n 's/.*"privs" *: *"\([^"]*\)".*/\1/p')
    [ "$(sorted "$held")" = "$(sorted "$(privileges)")" ] ||
      fail 1 "the role $role has other privileges: $held" "pveum role modify $role --privs $(privileges); or var_proxmox=no"
  fi
}

make_token() {
  local given
  if [ -z "$role_is_there" ]; then
    made+=("role $role")
    pveum role add "$role" --privs "$(privileges)" || fail 1 "cannot make the role $role"
  fi
  if [ -z "$user_is_there" ]; then
    made+=("user $pve_user")
    pveum user add "$pve_user" --comment "$user_comment" || fail 1 "cannot make the user $pve_user"
    pveum acl modify / --users "$pve_user" --roles "$role" || fail 1 "cannot grant $role to $pve_user"
  fi
  made+=("token ct$ctid")
  given=$(pveum user token add "$pve_user" "ct$ctid" --privsep 0 --output-format json) || fail 1 'cannot make the token'
  secret=$(sed -n 's/.*"value" *: *"\([0-9a-f-]*\)".*/\1/p' <<<"$given")
  [ -n "$secret" ] || fail 1 'Proxmox told no secret for the token'
  local node
  node=$(hostname -s)
  api_says 200 "/nodes/$node/status"
  # What it must not, and what does no harm if it may: read the log of the host.
  api_says 403 "/nodes/$node/syslog?limit=1"
}

# api_says STATUS PATH: to the gateway's token; the secret is on no command line.
api_says() {
  local got attempt
  for attempt in 1 2 3; do
    got=$(printf 'header = "Authorization: PVEAPIToken=%s!ct%s=%s"\n' "$pve_user" "$ctid" "$secret" |
      curl -sk -o /dev/null -w '%{http_code}' --max-time 20 -K - "https://127.0.0.1:8006/api2/json$2") || got='nothing'
    [ "$got" != "$1" ] || return 0
    [ "$attempt" = 3 ] || sleep 1
  done
  fail 1 "with the new token, $2 answers $got instead of $1" "what does $role grant? pveum role list; pveum acl list"
}

# ---- Its configuration

configure() {
  local host
  printf 'TAILOPS_LISTEN=%s\n' "$listen" >"$work/env"
  if [ -n "$secret" ]; then
    printf 'PVE_TOKEN=%s\n' "$secret" >>"$work/env"
    host=$(host_address)
    in_ct "$ctid" cat /etc/tailops/targets.yaml >"$work/targets.yaml" || fail 1 "cannot read the configuration in container $ctid"
    proxmox_target "$host" >>"$work/targets.yaml"
    push "$ctid" "$work/targets.yaml" /etc/tailops/targets.yaml 0640
    in_ct "$ctid" chown root:tailops /etc/tailops/targets.yaml || fail 1 "cannot give targets.yaml to the gateway"
    in_ct "$ctid" timeout 10 bash -c ": </dev/tcp/$host/8006" 2>/dev/null ||
      say "The container does not reach https://$host:8006: is there a firewall? Until then the gateway does not see this Proxmox VE." >&2
  fi
  push "$ctid" "$work/env" /etc/tailops/tailops.env 0600
  in_ct "$ctid" systemctl restart tailops || fail 1 "the gateway in container $ctid does not start" "pct exec $ctid -- journalctl -u tailops"
}

proxmox_target() {
  local pin certificate=/etc/pve/local/pve-ssl.pem
  [ ! -e /etc/pve/local/pveproxy-ssl.pem ] || certificate=/etc/pve/local/pveproxy-ssl.pem
  pin=$(openssl x509 -in "$certificate" -noout -fingerprint -sha256) || fail 1 'cannot read the certificate of this host'
  cat <<END

  # The Proxmox VE that this gateway runs on.
  proxmox:
    executor: proxmox
    connection:
      api_url: https://$1:8006
      token_id: "$pve_user!ct$ctid"
      token_secret: "\${PVE_TOKEN}"
      fingerprint: "${pin#*=}"
    capabilities: [proxmox:read$([ "$proxmox" = yes ] || printf ', proxmox:control')]
END
}

host_address() {
  local found
  found=$(ip -4 -o addr show dev "$bridge" scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
  [ -n "$found" ] || found=$(hostname -I | awk '{ print $1 }')
  [ -n "$found" ] || fail 1 'this host has no address that a container could reach'
  say "$found"
}

add_tailscale() {
  local codename url=https://pkgs.tailscale.com/stable/debian
  in_ct "$ctid" test -c /dev/net/tun || fail 1 "there is no /dev/net/tun in container $ctid"
  # shellcheck disable=SC2016
  codename=$(in_ct "$ctid" sh -c '. /etc/os-release; echo "$VERSION_CODENAME"')
  curl -fsSL --proto '=https' -o "$work/key" "$url/$codename.noarmor.gpg" || fail 115 'cannot download the key of the packages of Tailscale'
  curl -fsSL --proto '=https' -o "$work/list" "$url/$codename.tailscale-keyring.list" || fail 115 'cannot download the list of the packages of Tailscale'
  push "$ctid" "$work/key" /usr/share/keyrings/tailscale-archive-keyring.gpg 0644
  push "$ctid" "$work/list" /etc/apt/sources.list.d/tailscale.list 0644
  in_ct "$ctid" sh -c 'export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq tailscale' >"$work/tailscale" 2>&1 || {
    tail -n 5 "$work/tailscale" >&2
    fail 1 'Tailscale could not be installed'
  }
  [ -n "$authkey" ] || return 0
  push "$ctid" "$authkey" /run/tailops-authkey 0600
  # shellcheck disable=SC2016
  in_ct "$ctid" sh -c 'tailscale up --auth-key=file:/run/tailops-authkey --timeout=60s "$@"; code=$?; rm -f /run/tailops-authkey; exit $code' \
    sh "--hostname=$hostname" ${ts_tags:+"--advertise-tags=$ts_tags"} || fail 1 'tailscale up failed' 'is the key valid, and not used up?'
}

# Asked from here, as a client would, where it listens for others.
check_health() {
  ready "$ctid" || fail 1 'the gateway does not become ready' "pct exec $ctid -- journalctl -u tailops"
  ! only_inside || return 0
  [ "$(curl -s --max-time 10 "http://$address:${listen##*:}/readyz")" = ready ] ||
    fail 1 "the gateway is ready, but http://$address:${listen##*:} does not answer this host" 'is there a firewall on the bridge?'
}

only_inside() { case $listen in 127.* | '[::1]'* | localhost*) return 0 ;; *) return 1 ;; esac }

tell() {
  local port=${listen##*:} url
  url=http://$address:$port/mcp
  ! only_inside || url=http://127.0.0.1:$port/mcp
  say "Container $ctid ($hostname) is made, and the gateway is ready: $url"
  [ -z "$token" ] || printf '\nThe first token, shown only now:\n\n  %s\n\nFor your client:\n  claude mcp add --transport http tailops %s --header "Authorization: Bearer %s"\n\n' "$token" "$url" "$token"
  if ! only_inside; then
    say 'Plain HTTP: keep it in a network that you trust, or put Tailscale before it.'
  elif [ "$tailscale" = yes ]; then
    say "It listens inside the container only. In your tailnet: pct exec $ctid -- tailops tailscale setup"
  else
    say 'It listens inside the container only.'
  fi
  say 'What it may look after: /etc/tailops/targets.yaml in the container. Run this script again to update it.'
}

# ---- Removing

uninstall() {
  local id ids
  ids=$(own_containers) || fail 1 'cannot list the containers of this host'
  if [ -n "$ctid" ]; then
    grep -qx "$ctid" <<<"$ids" || fail 1 "container $ctid was not made by this script" 'pct destroy removes it'
    ids=$ctid
  fi
  [ -n "$ids" ] || say 'There is no container that this script made on this host.'
  # A clone of a container has its marks.
  [ "$(wc -w <<<"$ids")" -lt 2 ] || fail 2 "there are several: ${ids//$'\n'/ }" 'var_ctid says which one'
  for id in $ids; do
    confirm "Remove container $id with all that is in it, and its token?"
    remove_gateway "$id"
    say "Container $id is removed."
  done
}

confirm() {
  [ -z "$yes" ] || return 0
  ! unattended || fail 2 'removing is for ever' 'say --yes as well'
  whiptail --title TailOps --yesno "$1" 9 64 || fail 130 'not wanted: nothing was removed'
}

# The container goes last: as long as it is there, the next run finds what is left to remove.
remove_gateway() {
  remove_access "$1" || fail 1 "the user $pve_user or its token could not be removed" "pveum user list; pveum user token list $pve_user"
  remove_container "$1" || fail 1 "container $1 could not be removed"
}

remove_container() {
  if is_up "$1"; then again whole pct stop "$1" || return 1; fi
  again whole pct destroy "$1" --purge 1 >/dev/null || return 1
  ! pct status "$1" >/dev/null 2>&1
}

# The token of a container; user and role with the last one, if they are ours.
remove_access() {
  local users tokens roles
  users=$(again pveum user list --output-format json) || return 1
  if [[ $users == *"\"$pve_user\""* ]]; then
    [[ $users == *"$user_comment"* ]] || return 0
    tokens=$(again pveum user token list "$pve_user" --output-format json) || return 1
    if [[ $tokens == *"\"ct$1\""* ]]; then again pveum user token remove "$pve_user" "ct$1" || return 1; fi
    tokens=$(again pveum user token list "$pve_user" --output-format json) || return 1
    [[ $tokens != *"\"ct$1\""* ]] || return 1
    [[ $tokens != *'"tokenid"'* ]] || return 0
    again pveum user delete "$pve_user" || return 1
  fi
  roles=$(again pveum role list --output-format json) || return 1
  if [[ $roles == *"\"$role\""* ]]; then again pveum role delete "$role" || return 1; fi
}

# ---- Undoing

finish() {
  local code=$?
  trap - EXIT
  trap '' HUP INT TERM
  set +e
  if [ "${#made[@]}" -gt 0 ]; then
    [ "$code" -ne 0 ] || code=1
    say 'Removing what this run made.' >&2
    undo
  fi
  [ -z "$work" ] || rm -rf "$work"
  exit "$code"
}

# Last things first. Each may stand for something that had not happened yet.
undo() {
  local i
  for ((i = ${#made[@]} - 1; i >= 0; i--)); do
    undo_one "${made[i]%% *}" "${made[i]#* }" || say "This is left: ${made[i]}" >&2
  done
  made=()
}

undo_one() {
  local all
  case $1 in
    container) undo_container "$2" ;;
    running) if is_up "$2"; then again whole pct stop "$2"; fi ;;
    files) in_ct "$2" rm -rf "$inside" 2>/dev/null || ! is_up "$2" ;;
    ids) sed -i '/^root:100000:65536$/d' "$2" ;;
    template)
      has_template "$2" || return 0
      again pveam remove "$template_storage:vztmpl/$2" >/dev/null
      if has_template "$2"; then return 1; fi
      ;;
    role | user)
      all=$(again pveum "$1" list --output-format json)
      if [[ $all == *"\"$2\""* ]]; then again pveum "$1" delete "$2"; fi
      ;;
    token)
      all=$(again pveum user token list "$pve_user" --output-format json 2>/dev/null) || all=''
      if [[ $all == *"\"$2\""* ]]; then again pveum user token remove "$pve_user" "$2"; fi
      ;;
  esac
}

# Only what bears the mark of this run, or was begun by it and broke off before it could be marked.
undo_container() {
  local config
  [ -e "/etc/pve/lxc/$1.conf" ] || return 0
  config=$(again pct config "$1") || return 1
  if grep -q '^lock: mounted' <<<"$config"; then pct unmount "$1"; fi
  if grep -q "$run" <<<"$config"; then
    remove_container "$1"
  elif grep -q '^lock: create' <<<"$config" && [ -e "$work/created" ] && ! grep -q 'already exists' "$work/created"; then
    again whole pct unlock "$1" && remove_container "$1"
  else
    say "Container $1 does not bear the mark of this run and is left alone: look at it." >&2
  fi
}

{ main "$@"; }
