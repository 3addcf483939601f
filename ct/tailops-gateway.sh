#!/usr/bin/env bash
# Makes a container with the TailOps gateway on a Proxmox VE host, or updates or removes it:
#   bash -c "$(curl -fsSL …/ct/tailops-gateway.sh)"
# What fails is undone: this run removes exactly what it made.
# Everything stands in functions, and the last line calls one: a download that broke off does nothing.
set -Eeuo pipefail
shopt -s inherit_errexit
umask 077

# A release writes these: what is downloaded must hash to them.
release_version=''
release_url='' # https://…/download: the files of a version are in $release_url/v$version
release_sums='' # sha256 of the SHA256SUMS of that version
release_installer='' # sha256 of the install.sh of that version

tag=tailops-gateway
role=TailOpsGateway
pve_user=tailops@pve
user_comment='TailOps gateway, made by tailops-gateway.sh'
inside=/root/.tailops-install # in a container, while something is installed
made=() # what this run made, first things first
work=''
undoing=''

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
var_unattended; also NEXTID HN CORE_COUNT CPU_CORES RAM_SIZE DISK_SIZE BRIDGE UNPRIVILEGED.
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
  export LC_ALL=C PATH="${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}"
  check_host
  exec 9>"${TMPDIR:-/run/lock}/tailops-gateway.lock"
  flock -n 9 || fail 1 'another run of this script has not ended' 'wait for it'
  work=$(mktemp -d)
  trap finish EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
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
  for program in pct pveam pvesm pvesh pveum curl flock sha256sum timeout; do
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
  pvecm status 2>/dev/null | grep -Eq '^Quorate: *Yes' || fail 210 'the cluster has no quorum' 'pvecm status tells which nodes are missing'
}

# ---- Inside a container

# in_ct ID PROGRAM…: with its exit code and streams, without the environment of this host.
in_ct() {
  local id=$1
  shift
  env -i PATH="$PATH" LC_ALL=C pct exec "$id" "${keep_env[@]}" -- /usr/bin/env \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C "$@" </dev/null
}

# push ID FILE PLACE MODE: pct push ends well also where it failed, so the file is asked for inside.
push() {
  local got want
  want=$(sha256sum <"$2")
  pct push "$1" "$2" "$3" --perms "$4" || fail 1 "cannot copy ${2##*/} to container $1"
  got=$(in_ct "$1" sha256sum "$3" 2>/dev/null) || got=''
  [ "${got%% *}" = "${want%% *}" ] || fail 1 "${2##*/} did not arrive in container $1" 'is its disk full?'
}

# wait_for SECONDS WORDS PROGRAM…
wait_for() {
  local seconds=$1 words=$2 tries=0
  shift 2
  until "$@" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt "${TAILOPS_TRIES:-$seconds}" ] || fail 118 "$words, after $tries attempts"
    sleep 1
  done
}

# ---- What is installed: fetched and checked on the host, so that a container needs no network for it

get_files() {
  local name
  if [ -n "$from" ]; then
    for name in install.sh SHA256SUMS; do
      cp "$from/$name" "$work/$name" || fail 115 "there is no $name in $from"
    done
    cp "$from/tailops-linux-$build.gz" "$work/" || fail 115 "there is no tailops-linux-$build.gz in $from"
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
  in_ct "$1" mkdir -p -m 700 "$inside"
  for name in install.sh SHA256SUMS "tailops-linux-$build.gz"; do push "$1" "$work/$name" "$inside/$name" 0600; done
  in_ct "$1" sh "$inside/install.sh" --from "$inside" >"$work/installed" 2>&1 || code=$?
  in_ct "$1" rm -rf "$inside" || true
  if [ "$code" -ne 0 ]; then
    cat "$work/installed" >&2
    return "$code"
  fi
  token=$(sed -n 's/^  \(tops_[A-Za-z0-9_]*\)$/\1/p' "$work/installed")
  add_comforts "$1"
}

# What users of community scripts expect: update, and a few lines at login.
add_comforts() {
  printf '#!/bin/sh\nexec /usr/local/bin/tailops update "$@"\n' >"$work/update"
  push "$1" "$work/update" /usr/bin/update 0755
  cat >"$work/motd" <<'END'
echo
echo "TailOps gateway on $(hostname): $(hostname -I 2>/dev/null)"
echo "  systemctl status tailops    /etc/tailops/targets.yaml    update"
echo
END
  push "$1" "$work/motd" /etc/profile.d/00_tailops.sh 0644
}

install_in_all() {
  local id result bad=0
  for id in ${containers//,/ }; do
    result=$(
      trap - EXIT
      set -e
      [ "$(pct status "$id" 2>/dev/null)" = 'status: running' ] || fail 1 'is not there or does not run'
      install_in "$id" || fail 1 'install.sh failed there, and undid what it did'
      in_ct "$id" tailops health --wait 30 >/dev/null || fail 1 'is not ready'
      printf '%s%s' "$(in_ct "$id" tailops version)" "${token:+, first token: $token}"
    ) 2>"$work/problem" || {
      bad=1
      result="failed: $(head -n 3 "$work/problem" | tr '\n' ' ')"
    }
    summary+=("$(printf '%-10s %s' "$id" "$result")")
  done
  printf 'VMID       Result\n'
  printf '%s\n' "${summary[@]}"
  [ "$bad" -eq 0 ] || fail 1 'not all containers could be done'
}

# ---- The container

install_or_update() {
  local id ids
  ids=$(own_containers) || fail 1 'cannot list the containers of this host'
  for id in $ids; do
    if pct config "$id" | grep -q '^description:.*state%3Dunfinished\|^description:.*state=unfinished'; then
      say "Container $id is of a run that was killed: it is removed first."
      remove_gateway "$id"
      continue
    fi
    say "Container $id has the gateway: it is updated."
    get_files
    [ "$(pct status "$id")" = 'status: running' ] || pct start "$id"
    wait_for 60 "systemd does not run in container $id" in_ct "$id" test -d /run/systemd/system
    install_in "$id" || fail 1 "container $id was not updated; what it had runs on"
    in_ct "$id" tailops health --wait 30 >/dev/null || fail 1 "the gateway in container $id is not ready"
    say "Container $id has $(in_ct "$id" tailops version) and is ready."
    return
  done
  create
}

# Those with our tag and our mark: a tag alone may be anybody's.
own_containers() {
  local id config list
  list=$(pct list | awk 'NR > 1 { print $1 }')
  for id in $list; do
    config=$(pct config "$id")
    if grep -Eq "^tags:.*\b$tag\b" <<<"$config" && grep -q '^description:.*made-by-tailops-gateway' <<<"$config"; then say "$id"; fi
  done
}

settings() {
  hostname=${var_hostname:-${HN:-tailops}} cores=${var_cpu:-${CORE_COUNT:-${CPU_CORES:-1}}}
  ram=${var_ram:-${RAM_SIZE:-1024}} disk=${var_disk:-${DISK_SIZE:-4}} bridge=${var_brg:-${BRIDGE:-vmbr0}}
  net=${var_net:-dhcp} gateway=${var_gateway:-} vlan=${var_vlan:-} ns=${var_ns:-} release=${var_version:-13}
  unprivileged=${var_unprivileged:-${UNPRIVILEGED:-1}} ctid=${var_ctid:-${NEXTID:-}}
  storage=${var_container_storage:-} template_storage=${var_template_storage:-} listen=${var_listen:-0.0.0.0:8080}
  proxmox=${var_proxmox:-yes} tailscale=${var_tailscale:-no} tun=${var_tun:-no} authkey=${var_tailscale_authkey_file:-}
  disk=${disk%G}
}

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
  for value in "$cores" "$ram" "$disk" "$release"; do [[ $value =~ ^[1-9][0-9]*$ ]] || fail 2 "$value is no whole number"; done
  [[ $hostname =~ ^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$ ]] || fail 2 "$hostname is no host name"
  [[ $unprivileged =~ ^[01]$ ]] || fail 2 "unprivileged is 1 or 0, not $unprivileged"
  [[ $proxmox =~ ^(yes|no|control)$ ]] || fail 2 "var_proxmox is yes, no or control, not $proxmox"
  [[ $net$gateway$ns$vlan$bridge$listen =~ ^[][A-Za-z0-9.:/_\ -]*$ ]] || fail 2 'an address or a bridge has characters that do not belong there'
  [ -z "$ctid" ] || [[ $ctid =~ ^[1-9][0-9]{2,8}$ ]] || fail 205 "$ctid is no id of a container" 'it is a number from 100 on'
  [ -e "${TAILOPS_SYS_NET:-/sys/class/net}/$bridge" ] || fail 118 "there is no bridge $bridge on this host" 'var_brg names another one'
  [ -z "$authkey" ] || [ -r "$authkey" ] || fail 2 "cannot read $authkey"
  if [ "$tailscale" = yes ]; then
    tun=yes
    [ -n "${var_listen:-}" ] || listen=127.0.0.1:8080
  fi
  if [ "$tun" = yes ] && [[ $pve == 8.0* ]]; then fail 105 'TUN in a container needs Proxmox VE 8.1' 'update the host, or var_tun=no'; fi
  [ -z "$ctid" ] || id_is_free "$ctid" || fail 206 "the id $ctid is taken"
}

id_is_free() { [ "$(pvesh get /cluster/nextid --vmid "$1" 2>/dev/null)" = "$1" ]; }

# storage_for CONTENT GIB WANTED: the one that is wanted, or the active one with the most room.
storage_for() {
  local rows found
  rows=$(pvesm status --content "$1" | awk -v need="$(($2 * 1048576))" -v wanted="$3" '
    NR > 1 && $3 == "active" && $2 !~ /^(iscsi|iscsidirect|zfs|cephfs|pbs)$/ && $6 >= need && (wanted == "" || $1 == wanted) { print $6, $1 }')
  found=$(sort -rn <<<"$rows" | awk 'NR == 1 { print $2 }')
  [ -n "$found" ] || fail 119 "no storage${3:+ $3} for $1 is active with $2 GB free" 'pvesm status shows them'
  say "$found"
}

find_template() {
  local wanted="debian-$release-standard_" name
  name=$(pveam list "$template_storage" | awk -v t="$wanted" 'NR > 1 && index($1, "vztmpl/" t) { print $1 }' | sort -V | tail -n 1)
  if [ -n "$name" ]; then
    template=$name
    return
  fi
  timeout 60 pveam update >/dev/null || true
  name=$(pveam available --section system | awk -v t="$wanted" -v a="_$arch." 'index($2, t) == 1 && index($2, a) { print $2 }' | sort -V | tail -n 1)
  [ -n "$name" ] || fail 225 "there is no template of Debian $release for $arch" 'pveam update; pveam available'
  template=$template_storage:vztmpl/$name
  say "Downloading the template $name"
  made+=("template $template")
  pveam download "$template_storage" "$name" >"$work/template" 2>&1 || true
  # Its exit code says nothing.
  pveam list "$template_storage" | awk '{ print $1 }' | grep -Fxq "$template" || {
    tail -n 3 "$work/template" >&2
    fail 222 "the template $name could not be downloaded"
  }
}

create() {
  settings
  unattended || ask_settings
  check_settings
  get_files
  storage=$(storage_for rootdir "$disk" "$storage")
  template_storage=$(storage_for vztmpl 1 "$template_storage")
  find_template
  create_container
  pct start "$ctid" || fail 117 "container $ctid does not start"
  wait_for 60 "systemd does not run in container $ctid" in_ct "$ctid" test -d /run/systemd/system
  wait_for 60 "container $ctid has no address on $bridge" has_address
  say "Container $ctid runs at $address; installing TailOps"
  install_in "$ctid" || fail 1 'the installation failed'
  [ "$proxmox" = no ] || make_token
  configure
  [ "$tailscale" = no ] || add_tailscale
  check_health
  pct set "$ctid" --description "$(description finished)" || fail 1 "cannot mark container $ctid as finished"
  made=()
  tell
}

description() { printf 'TailOps gateway. made-by-tailops-gateway run=%s state=%s' "$run" "$1"; }

create_container() {
  local attempt options net0 chosen=$ctid
  run=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
  net0=name=eth0,bridge=$bridge,ip=$net${gateway:+,gw=$gateway}${vlan:+,tag=$vlan}
  for attempt in 1 2 3; do
    [ -n "$chosen" ] || ctid=$(pvesh get /cluster/nextid)
    [[ $ctid =~ ^[1-9][0-9]{2,8}$ ]] || fail 109 'the host names no free id'
    options=(--hostname "$hostname" --cores "$cores" --memory "$ram" --swap 512 --rootfs "$storage:$disk"
      --net0 "$net0" --unprivileged "$unprivileged" --features nesting=1 --onboot 1 --ostype debian
      --tags "$tag${var_tags:+;$var_tags}" --description "$(description unfinished)")
    [ -z "$ns" ] || options+=(--nameserver "$ns")
    if [ "$tun" = yes ]; then
      [ -e /dev/net/tun ] || modprobe tun || fail 1 'this host has no /dev/net/tun'
      options+=(--dev0 /dev/net/tun)
    fi
    made+=("container $ctid")
    if pct create "$ctid" "$template" "${options[@]}" >"$work/created" 2>&1; then return; fi
    # Somebody else took the id in between: what is there is theirs.
    if [ -z "$chosen" ] && [ "$attempt" -lt 3 ] && grep -q 'already exists' "$work/created"; then
      unset 'made[-1]'
      continue
    fi
    tail -n 3 "$work/created" >&2
    fail 209 "container $ctid could not be made"
  done
}

has_address() {
  address=$(in_ct "$ctid" ip -4 -o addr show dev eth0 scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
  [ -n "$address" ]
}

# ---- The Proxmox token of the gateway: a user without a password, a role with what it needs, a token per container

make_token() {
  local privileges=VM.Audit,Sys.Audit,Datastore.Audit,Pool.Audit users roles given
  [ "$proxmox" = yes ] || privileges+=,VM.PowerMgmt
  users=$(pveum user list --output-format json) || fail 1 'cannot list the users of Proxmox'
  if [[ $users == *"\"$pve_user\""* ]]; then
    [[ $users == *"$user_comment"* ]] || fail 1 "the user $pve_user is there and was not made by this script" 'var_proxmox=no leaves it alone; docs/proxmox.md tells how to make a token'
  fi
  roles=$(pveum role list --output-format json) || fail 1 'cannot list the roles of Proxmox'
  if [[ $roles != *"\"$role\""* ]]; then
    made+=("role $role")
    pveum role add "$role" --privs "$privileges" || fail 1 "cannot make the role $role"
  fi
  if [[ $users != *"\"$pve_user\""* ]]; then
    made+=("user $pve_user")
    pveum user add "$pve_user" --comment "$user_comment" || fail 1 "cannot make the user $pve_user"
    made+=("acl $pve_user")
    pveum acl modify / --users "$pve_user" --roles "$role" || fail 1 "cannot grant $role to $pve_user"
  fi
  made+=("token ct$ctid")
  given=$(pveum user token add "$pve_user" "ct$ctid" --privsep 0 --output-format json) || fail 1 'cannot make the token'
  secret=$(sed -n 's/.*"value" *: *"\([0-9a-f-]*\)".*/\1/p' <<<"$given")
  [ -n "$secret" ] || fail 1 'Proxmox told no secret for the token'
  api_says 200 /version
  # What it must not, and what does no harm if it may: read the log of the host.
  api_says 403 "/nodes/$(hostname -s)/syslog?limit=1"
}

# api_says STATUS PATH: to the gateway; the secret is on no command line.
api_says() {
  local got
  got=$(printf 'header = "Authorization: PVEAPIToken=%s!ct%s=%s"\n' "$pve_user" "$ctid" "$secret" |
    curl -sk -o /dev/null -w '%{http_code}' --max-time 20 -K - "https://127.0.0.1:8006/api2/json$2") || got=none
  [ "$got" = "$1" ] || fail 1 "with the new token, $2 answers $got instead of $1" "does $role have other privileges than it should? pveum role list"
}

# ---- Its configuration

configure() {
  local pin certificate=/etc/pve/local/pve-ssl.pem
  printf 'TAILOPS_LISTEN=%s\n' "$listen" >"$work/env"
  if [ -n "$secret" ]; then
    printf 'PVE_TOKEN=%s\n' "$secret" >>"$work/env"
    [ ! -e /etc/pve/local/pveproxy-ssl.pem ] || certificate=/etc/pve/local/pveproxy-ssl.pem
    pin=$(openssl x509 -in "${TAILOPS_CERTIFICATE:-$certificate}" -noout -fingerprint -sha256) || fail 1 'cannot read the certificate of this host'
    in_ct "$ctid" cat /etc/tailops/targets.yaml >"$work/targets.yaml"
    cat >>"$work/targets.yaml" <<END

  # The Proxmox VE that this gateway runs on.
  proxmox:
    executor: proxmox
    connection:
      api_url: https://$(host_address):8006
      token_id: "$pve_user!ct$ctid"
      token_secret: "\${PVE_TOKEN}"
      fingerprint: "${pin#*=}"
    capabilities: [proxmox:read$([ "$proxmox" = yes ] || printf ', proxmox:control')]
END
    push "$ctid" "$work/targets.yaml" /etc/tailops/targets.yaml 0640
    in_ct "$ctid" chown root:tailops /etc/tailops/targets.yaml
  fi
  push "$ctid" "$work/env" /etc/tailops/tailops.env 0600
  in_ct "$ctid" systemctl restart tailops
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
  in_ct "$ctid" sh -c 'tailscale up --auth-key=file:/run/tailops-authkey --timeout=60s; code=$?; rm -f /run/tailops-authkey; exit $code' ||
    fail 1 'tailscale up failed' 'is the key valid, and not used up?'
}

# Asked from here, as a client would, where it listens for others.
check_health() {
  in_ct "$ctid" tailops health --wait 30 >/dev/null || in_ct "$ctid" env "TAILOPS_LISTEN=$listen" tailops health --wait 30 >/dev/null ||
    fail 1 'the gateway does not become ready' "pct exec $ctid -- journalctl -u tailops"
  case $listen in 127.* | '[::1]'* | localhost*) return 0 ;; esac
  [ "$(curl -s --max-time 10 "http://$address:${listen##*:}/readyz")" = ready ] ||
    fail 1 "the gateway is ready, but http://$address:${listen##*:} does not answer this host" 'is there a firewall on the bridge?'
}

tell() {
  local url=http://$address:${listen##*:}/mcp
  case $listen in 127.*) url=http://127.0.0.1:${listen##*:}/mcp ;; esac
  say "Container $ctid ($hostname) is made, and the gateway is ready: $url"
  [ -z "$token" ] || printf '\nThe first token, shown only now:\n\n  %s\n\nFor your client:\n  claude mcp add --transport http tailops %s --header "Authorization: Bearer %s"\n\n' "$token" "$url" "$token"
  case $listen in
    127.*) say "It listens inside the container only. Over Tailscale: pct exec $ctid -- tailscale serve --bg --https=443 http://127.0.0.1:${listen##*:}" ;;
    *) say 'Plain HTTP: keep it in a network that you trust, or put Tailscale before it.' ;;
  esac
  say "What it may look after: /etc/tailops/targets.yaml in the container; run this script again to update it."
}

# ---- Removing

uninstall() {
  local id ids found=''
  ids=$(own_containers) || fail 1 'cannot list the containers of this host'
  for id in $ids; do
    found=1
    confirm "Remove container $id with all that is in it, and its token?"
    remove_gateway "$id"
    say "Container $id is removed."
  done
  [ -n "$found" ] || say 'There is no container that this script made on this host.'
}

confirm() {
  [ -z "$yes" ] || return 0
  unattended && fail 2 'removing is for ever' 'say --yes as well'
  whiptail --title TailOps --yesno "$1" 9 64 || fail 130 'not wanted: nothing was removed'
}

remove_gateway() {
  remove_container "$1" || fail 1 "container $1 could not be removed"
  remove_access "$1" || fail 1 "the user $pve_user or its token could not be removed" 'pveum user list; pveum user token list tailops@pve'
}

remove_container() {
  if [ "$(pct status "$1")" = 'status: running' ]; then again pct stop "$1" || return 1; fi
  again pct destroy "$1" --purge 1 >/dev/null
}

# The token of a container; user and role with the last one, if they are ours.
remove_access() {
  local users tokens
  users=$(again pveum user list --output-format json) || return 1
  [[ $users == *"\"$pve_user\""* && $users == *"$user_comment"* ]] || return 0
  tokens=$(again pveum user token list "$pve_user" --output-format json) || return 1
  if [[ $tokens == *"\"ct$1\""* ]]; then again pveum user token remove "$pve_user" "ct$1" || return 1; fi
  tokens=$(again pveum user token list "$pve_user" --output-format json) || return 1
  if [[ $tokens != *'"tokenid"'* ]]; then
    again pveum user delete "$pve_user" || return 1
    if [[ $(again pveum role list --output-format json) == *"\"$role\""* ]]; then again pveum role delete "$role" || return 1; fi
  fi
}

# ---- Undoing

again() {
  "$@" || { sleep 1 && "$@"; } || { sleep 1 && "$@"; }
}

finish() {
  local code=$? i
  # Command substitutions inherit the trap: only the script itself undoes.
  [ "$BASHPID" = "$$" ] || exit "$code"
  trap - EXIT
  trap '' HUP INT TERM
  set +eE
  if [ "${#made[@]}" -gt 0 ] && [ -z "$undoing" ]; then
    undoing=1
    [ "$code" -ne 0 ] || code=1
    say 'Removing what this run made.' >&2
    for ((i = ${#made[@]} - 1; i >= 0; i--)); do undo_one "${made[i]%% *}" "${made[i]#* }"; done
  fi
  [ -z "$work" ] || rm -rf "$work"
  exit "$code"
}

# Each may stand for something that had not happened yet.
undo_one() {
  case $1 in
    container) undo_container "$2" ;;
    template) if pveam list "$template_storage" | grep -Fq "$2 "; then again pveam remove "$2" >/dev/null; fi ;;
    role) if [[ $(again pveum role list --output-format json) == *"\"$2\""* ]]; then again pveum role delete "$2"; fi ;;
    user) if [[ $(again pveum user list --output-format json) == *"\"$2\""* ]]; then again pveum user delete "$2"; fi ;;
    acl) : ;; # goes with the user
    token)
      if [[ $(again pveum user token list "$pve_user" --output-format json) == *"\"$2\""* ]]; then
        again pveum user token remove "$pve_user" "$2"
      fi
      ;;
  esac
}

# Only what bears the mark of this run.
undo_container() {
  again pct status "$1" >/dev/null 2>&1 || return 0
  if again pct config "$1" | grep -q "$run"; then
    remove_container "$1" || say "Container $1 could not be removed: pct destroy $1 --purge 1" >&2
  else
    say "Container $1 does not bear the mark of this run and is left alone: look at it." >&2
  fi
}

main "$@"
