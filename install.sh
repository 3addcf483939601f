#!/bin/sh
# Installs TailOps as a hardened systemd service, or upgrades or removes it: sh install.sh --help
# What fails is undone: the machine is as it was, or the version that ran before runs again.
# Everything stands in functions, and the last line calls one: a download that broke off does nothing.
set -eu
umask 077

# A release writes these. Who pins the version and the hash of its checksums cannot be handed other files later.
release_version=''
release_url='' # https://…/download: the files of a version are in $release_url/v$version
release_sums='' # sha256 of the SHA256SUMS of that version
release_key='' # minisign public key, for --version with another version

user=tailops
unit=tailops.service
unit_file=/etc/systemd/system/$unit
config_dir=/etc/tailops
config=$config_dir/targets.yaml
state_dir=/var/lib/tailops
run=/var/lib/tailops-install # of a run that has not ended: its lock, its journal and what it keeps to put back

main() {
  action=install version='' from='' sha256='' prefix='' start=1 dry='' purge='' yes='' opened='' listen=''
  parse "$@"
  cd /
  export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  check_machine
  [ -n "$prefix" ] || prefix=$(installed_prefix)
  bin_dir=$prefix/bin
  bin=$bin_dir/tailops
  staged=$bin_dir/.tailops.new
  old=$bin_dir/.tailops.old
  if [ "$action" = uninstall ]; then uninstall; else install; fi
}

usage() {
  cat <<'END'
Usage: install.sh [OPTIONS]            install TailOps, or upgrade it; safe to run again
       install.sh --uninstall [--purge] [--yes]

  --version VERSION   this version instead of the one that the script belongs to
  --from FILE|DIR     no download: a binary (or its .gz), or a folder with the files of a release
  --sha256 HEX        what --from FILE must hash to; default: FILE.sha256 or SHA256SUMS beside it
  --prefix DIR        the binary goes to DIR/bin (default /usr/local, or where it is)
  --no-start          install, but neither enable nor start the service
  --dry-run           say what would be done
  --uninstall         remove the service and the binary; configuration, state and user stay
  --purge             with --uninstall: remove those as well
  --yes               ask nothing
  --help              this text

Exit codes: 0 done, 1 failed and undone, 2 wrong usage, 3 this machine will not do, 4 the files are not to be trusted.
END
}

say() { printf '%s\n' "$*"; }

# fail CODE SENTENCE [WHAT TO DO]
fail() {
  printf 'install.sh: %s\n' "$2" >&2
  [ -z "${3:-}" ] || printf '  %s\n' "$3" >&2
  exit "$1"
}

parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      --version | --from | --sha256 | --prefix)
        if [ $# -lt 2 ] || [ -z "$2" ]; then fail 2 "$1 needs a value" 'install.sh --help tells more'; fi
        set_option "$1" "$2"
        shift
        ;;
      --*=?*) set_option "${1%%=*}" "${1#*=}" ;;
      --no-start) start='' ;;
      --dry-run) dry=1 ;;
      --uninstall) action=uninstall ;;
      --purge) purge=1 ;;
      --yes | -y) yes=1 ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) fail 2 "there is no option $1" 'install.sh --help tells more' ;;
    esac
    shift
  done
  [ -z "$purge" ] || [ "$action" = uninstall ] || fail 2 '--purge goes with --uninstall'
  [ -z "$sha256" ] || [ -n "$from" ] || fail 2 '--sha256 goes with --from FILE'
}

set_option() {
  case $1 in
    --version) version=${2#v} ;;
    --from) from=$(absolute "$2") ;;
    --sha256) sha256=$(printf '%s' "$2" | tr 'A-F' 'a-f') ;;
    --prefix) prefix=$(absolute "${2%/}") ;;
    *) fail 2 "there is no option $1 with a value" 'install.sh --help tells more' ;;
  esac
  case $1$prefix in
    --prefix*[!A-Za-z0-9/._-]*) fail 2 "--prefix $prefix has characters that a unit would read otherwise" ;;
  esac
  case $version in *[!A-Za-z0-9.+-]*) fail 2 "--version $version is no version" 'write it like 1.2.3' ;; esac
}

absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac; }

# ---- The machine

check_machine() {
  [ "$(uname -s)" = Linux ] || fail 3 "TailOps is installed on Linux; this is $(uname -s)"
  [ "$(id -u)" -eq 0 ] || fail 3 'this needs root' 'run it again with sudo, or as root'
  case $(uname -m) in
    x86_64 | amd64) arch=x64 loader=/lib64/ld-linux-x86-64.so.2 ;;
    aarch64 | arm64) arch=arm64 loader=/lib/ld-linux-aarch64.so.1 ;;
    *) fail 3 "there is no build for $(uname -m), only for x86_64 and aarch64" ;;
  esac
  command -v systemctl >/dev/null 2>&1 || no_systemd
  booted=
  [ ! -d /run/systemd/system ] || booted=1
  [ -n "$booted" ] || [ -z "$start" ] || no_systemd
  [ "$action" = install ] || return 0
  [ -e "$loader" ] ||
    fail 3 "this system has no glibc ($loader is missing); musl systems such as Alpine are not supported" \
      'use Debian 12 or newer, Ubuntu 22.04 or newer, or another system with glibc and systemd'
  for program in useradd userdel systemd-run gzip sed awk; do
    command -v "$program" >/dev/null 2>&1 || fail 3 "the program $program is missing" "install it and run this again"
  done
}

no_systemd() {
  fail 3 'systemd does not run here' \
    'TailOps is installed as a systemd service; without one, run the binary itself: tailops serve'
}

installed_prefix() {
  found=$(sed -n 's|^ExecStart=\(/.*\)/bin/tailops serve$|\1|p' "$unit_file" 2>/dev/null | head -n 1)
  printf '%s' "${found:-/usr/local}"
}

# ---- One run at a time, with a journal of what it made

begin() {
  if ! mkdir "$run" 2>/dev/null; then
    [ -d "$run" ] || fail 1 "cannot make $run" 'is the disk full or read-only?'
    [ -s "$run/process" ] || sleep 1
    read -r pid began 2>/dev/null <"$run/process" || pid=
    if [ -n "$pid" ] && [ "$(began "$pid")" = "$began" ]; then
      fail 1 "another run of install.sh has not ended (process $pid)" 'wait for it'
    fi
    take_over
    mkdir "$run"
  fi
  opened=1
  trap finish EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '%s %s\n' $$ "$(began $$)" >"$run/process"
  : >"$run/journal"
  # A run that was killed at its very end leaves these.
  rm -f "$old" "$staged" "$staged.gz" "$staged.download.gz"
}

# A run before this one was killed. Its version may have served since: what it wrote is not thrown away.
take_over() {
  if grep -q '^stops' "$run/journal" 2>/dev/null && ready_now; then
    say 'A run before this one was killed after its version had become ready: that version stays.'
    rm -rf "$run"
  else
    say 'A run before this one was killed: what it left half done is undone first.'
    undo
  fi
}

# When the process began, by the kernel: an id alone may be another's by now.
began() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{ print $20 }'; }

# note WHAT [ARGUMENTS]: written before it is done.
note() { printf '%s\n' "$*" >>"$run/journal"; }

commit() {
  opened=
  trap '' HUP INT TERM
  rm -f "$run/journal" && rm -rf "$run"
  rm -f "$old"
}

finish() {
  code=$?
  trap - EXIT
  trap '' HUP INT TERM
  [ -n "$opened" ] || exit "$code"
  [ "$code" -ne 0 ] || code=1
  undo
  say 'Nothing was changed: what this run had made is undone.' >&2
  exit "$code"
}

# Last things first. Every line may stand for something that had not happened yet.
undo() {
  set +e
  if [ -f "$run/journal" ]; then
    awk '{ line[NR] = $0 } END { for (i = NR; i > 0; i--) print line[i] }' "$run/journal" >"$run/undo"
    while read -r what one two <&3; do undo_one "$what" "$one" "$two"; done 3<"$run/undo"
  fi
  rm -f "$run/journal"
  rm -rf "$run"
  set -e
}

undo_one() {
  case $1 in
    made) rm -rf "$2" ;;
    replaced) [ ! -f "$run/$2" ] || { cp -p "$run/$2" "$3.tailops-new" && mv -f "$3.tailops-new" "$3"; } ;;
    swapped) [ ! -f "$3" ] || { mv -f "$3" "$2" && rm -f "$3"; } ;;
    databases) [ ! -f "$run/databases/complete" ] || put_databases_back ;;
    user) remove_user ;;
    enabled) systemctl --quiet disable "$unit" 2>/dev/null ;;
    stops) [ -z "$booted" ] || systemctl stop "$unit" 2>/dev/null ;;
    reloads) reload_units ;;
    starts) [ -z "$booted" ] || systemctl start "$unit" ;;
  esac </dev/null
}

# make_dir PATH MODE OWNER: with the folders above it, which everybody may enter.
make_dir() {
  [ ! -d "$1" ] || return 0
  make_dir "$(dirname "$1")" 755 root:root || return 1
  note made "$1"
  mkdir "$1" && chmod "$2" "$1" && chown "$3" "$1"
}

# put_file PATH MODE OWNER: what stdin says, whole or not at all.
put_file() {
  note made "$1.tailops-new"
  cat >"$1.tailops-new" || fail 1 "cannot write $1" 'is the disk full or read-only?'
  chmod "$2" "$1.tailops-new"
  chown "$3" "$1.tailops-new"
  if [ -e "$1" ]; then
    saved=saved.$(wc -l <"$run/journal" | tr -d ' ')
    cp -p "$1" "$run/$saved"
    note replaced "$saved" "$1"
  else
    note made "$1"
  fi
  mv -f "$1.tailops-new" "$1"
}

reload_units() {
  [ -n "$booted" ] || return 0
  systemctl daemon-reload
  systemctl reset-failed "$unit" 2>/dev/null || true
}

# ---- The binary: copied beside its place, checked there, so that nothing changes in between

get_binary() {
  make_dir "$bin_dir" 755 root:root || fail 1 "cannot make $bin_dir" 'is it read-only? --prefix DIR chooses another place'
  note made "$staged"
  note made "$staged.gz"
  true 2>/dev/null >"$staged" || fail 1 "cannot write to $bin_dir" 'is it read-only? --prefix DIR chooses another place'
  if [ -z "$from" ]; then
    download
  elif [ -d "$from" ]; then
    from_folder
  else
    from_file
  fi
  chmod 755 "$staged"
  new_version=$(clean "$staged" version 2>/dev/null </dev/null) ||
    fail 4 'the binary does not run on this machine' "is it a tailops for linux-$arch? is $bin_dir mounted noexec?"
  new_version=${new_version#tailops }
  # A signature is good for ever: it does not say that the version is the one that was asked for.
  [ -z "$version" ] || [ "$new_version" = "$version" ] ||
    fail 4 "version $version was asked for, but the files are of version $new_version" 'do not use them'
}

# The environment of root may say things to Bun that it must not hear.
clean() { env -i HOME=/nonexistent PATH="$PATH" "$@"; }

from_file() {
  [ -f "$from" ] || fail 2 "there is no file $from"
  if [ -z "$sha256" ]; then sha256=$(sum_beside "$from"); fi
  [ -n "$sha256" ] ||
    fail 4 "there is no checksum for $from" "put $from.sha256 beside it, or give --sha256 HEX"
  unpack "$from" "$sha256"
}

sum_beside() {
  if [ -f "$1.sha256" ]; then
    awk 'NR == 1 { print tolower($1) }' "$1.sha256"
  elif [ -f "${1%/*}/SHA256SUMS" ]; then
    sum_of "${1##*/}" "${1%/*}/SHA256SUMS"
  fi
}

# sum_of NAME FILE: the line of a sha256sum file that names it.
sum_of() { awk -v name="$1" '{ sub(/^\*/, "", $2) } $2 == name { print tolower($1); exit }' "$2"; }

from_folder() {
  [ -f "$from/SHA256SUMS" ] || fail 4 "there is no SHA256SUMS in $from" 'a folder must hold the files of a release'
  cp "$from/SHA256SUMS" "$run/SHA256SUMS"
  [ ! -f "$from/SHA256SUMS.minisig" ] || cp "$from/SHA256SUMS.minisig" "$run/SHA256SUMS.minisig"
  # Who hands over a folder as root vouches for it; a signature that is there must be good all the same.
  if [ -f "$run/SHA256SUMS.minisig" ] && [ -n "$release_key" ]; then check_signature; fi
  for name in "tailops-linux-$arch.gz" "tailops-linux-$arch"; do
    [ -f "$from/$name" ] || continue
    unpack "$from/$name" "$(sum_of "$name" "$run/SHA256SUMS")"
    return
  done
  fail 4 "there is no tailops-linux-$arch.gz in $from"
}

download() {
  version=${version:-$release_version}
  if [ -z "$release_url" ] || [ -z "$version" ]; then
    fail 2 'this install.sh belongs to no release: it does not know where to download from' \
      'give --from FILE, or take install.sh from a release'
  fi
  url=$release_url/v$version
  fetch "$url/SHA256SUMS" "$run/SHA256SUMS"
  if [ "$version" = "$release_version" ]; then
    [ "$(hash_of "$run/SHA256SUMS")" = "$release_sums" ] ||
      fail 4 "the checksums of version $version are not those that this script was released with" \
        'do not use them; tell the maintainers'
  else
    fetch "$url/SHA256SUMS.minisig" "$run/SHA256SUMS.minisig"
    check_signature
  fi
  name=tailops-linux-$arch.gz
  say "Downloading $url/$name"
  note made "$staged.download.gz"
  fetch "$url/$name" "$staged.download.gz"
  unpack "$staged.download.gz" "$(sum_of "$name" "$run/SHA256SUMS")"
  rm -f "$staged.download.gz"
}

fetch() {
  case $1 in https://* | http://127.0.0.1[:/]*) ;; *) fail 2 "will not download from $1" 'only https is used' ;; esac
  if command -v curl >/dev/null 2>&1; then
    curl --fail --silent --show-error --location --proto '=https,http' --proto-redir '=https' --connect-timeout 20 \
      --retry 2 --output "$2" "$1" </dev/null || no_download "$1"
  elif command -v wget >/dev/null 2>&1; then
    # That of BusyBox, which knows no --version, may die of -T.
    if wget --version >/dev/null 2>&1; then within='-T 60'; else within=; fi
    # shellcheck disable=SC2086
    wget -q $within -O "$2" "$1" </dev/null || no_download "$1"
  else
    fail 3 'neither curl nor wget is installed' 'install one, or download the release elsewhere and give --from FILE'
  fi
}

no_download() {
  fail 1 "cannot download $1" \
    'is there a network, does DNS work, is the disk full? without a network: --from FILE with a file from elsewhere'
}

# Of $run/SHA256SUMS, by minisign, or by OpenSSL 3, which can do what minisign does.
check_signature() {
  [ -n "$release_key" ] || fail 4 'this install.sh has no key to check signatures with' 'take it from a release'
  if command -v minisign >/dev/null 2>&1; then
    minisign -Vqm "$run/SHA256SUMS" -P "$release_key" </dev/null || bad_signature
  elif command -v openssl >/dev/null 2>&1 && command -v base64 >/dev/null 2>&1; then
    by_openssl || bad_signature
  else
    fail 4 'checking the signature of another version needs minisign or openssl' \
      'install one of them, or take the install.sh of the version that you want: it carries its checksums'
  fi
}

bad_signature() { fail 4 'the signature of SHA256SUMS is not good' 'do not use these files; tell the maintainers'; }

# A key is Ed, 8 bytes of id, 32 of key; a signature is ED, the id, 64 bytes over the BLAKE2b-512 of the file.
by_openssl() {
  printf '%s\n' "$release_key" | base64 -d >"$run/key" || return 1
  sed -n 2p "$run/SHA256SUMS.minisig" | base64 -d >"$run/signature" || return 1
  [ "$(wc -c <"$run/key")" -eq 42 ] && [ "$(wc -c <"$run/signature")" -eq 74 ] || return 1
  [ "$(head -c 2 "$run/signature")" = ED ] || return 1
  [ "$(tail -c +3 "$run/key" | head -c 8 | od -An -tx1)" = "$(tail -c +3 "$run/signature" | head -c 8 | od -An -tx1)" ] || return 1
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000' && tail -c 32 "$run/key"; } >"$run/key.der"
  tail -c 64 "$run/signature" >"$run/signature.raw"
  openssl dgst -blake2b512 -binary "$run/SHA256SUMS" >"$run/digest" &&
    openssl pkeyutl -verify -pubin -keyform DER -inkey "$run/key.der" -rawin -in "$run/digest" \
      -sigfile "$run/signature.raw" >/dev/null 2>&1
}

# unpack FILE SHA256: into $staged, when the copy hashes to it.
unpack() {
  case $2 in
    *[!0-9a-f]* | '') fail 4 "there is no checksum for ${1##*/}" ;;
  esac
  copy=$staged
  case $1 in *.gz) copy=$staged.gz ;; esac
  room "$1"
  cp "$1" "$copy" || fail 1 "cannot copy the binary to $bin_dir" 'is the disk full?'
  got=$(hash_of "$copy")
  [ "$got" = "$2" ] ||
    fail 4 "the checksum of ${1##*/} is wrong: it is $got, and should be $2" 'download it again'
  if [ "$copy" != "$staged" ]; then
    gzip -dc "$copy" >"$staged" || fail 1 "cannot unpack ${1##*/} to $bin_dir" 'is the disk full?'
    rm -f "$copy"
  fi
}

# Said early and in plain words; who has less than it takes finds out all the same.
room() {
  need=$(($(wc -c <"$1") / 1024))
  case $1 in *.gz) need=$((need * 4)) ;; esac
  free=$(df -Pk "$bin_dir" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$need" ] || fail 1 "no space in $bin_dir: $((need / 1024)) MiB are needed, $((free / 1024)) are free"
}

hash_of() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum "$1" | awk '{ print $1 }'
  elif command -v openssl >/dev/null 2>&1; then
    openssl dgst -sha256 -r "$1" | awk '{ print $1 }'
  else
    fail 3 'neither sha256sum nor openssl is installed'
  fi
}

# ---- Installing

install() {
  [ -z "$dry" ] || { dry_run; return; }
  begin
  was_active='' before=none
  [ -z "$booted" ] || case $(systemctl is-active "$unit") in active | activating | reloading) was_active=1 ;; esac
  [ ! -x "$bin" ] || before=$(installed_version)
  get_binary
  if nothing_to_do; then
    rm -f "$staged"
    commit
    say "TailOps $new_version is installed and runs; nothing to do."
    return
  fi
  [ -n "$was_active" ] || [ -z "$start" ] || port_is_free
  # Undone last: the service is started again with what is there then.
  [ -z "$was_active" ] || note starts
  note reloads
  add_user
  add_folders
  check_config
  token=
  [ -e "$state_dir/tailops.db" ] || token=wanted
  swap_binary
  unit_text | sed "s|^ExecStart=/usr/local/|ExecStart=$prefix/|" | put_file "$unit_file" 644 root:root
  reload_units
  [ -z "$was_active" ] || switch_over
  [ -z "$token" ] || token=$(as_service "$bin" token mint --name first --scopes readonly --ttl 90d 2>/dev/null) ||
    fail 1 'cannot make the first token'
  [ -z "$start" ] || enable_service
  [ -z "$start$was_active" ] || start_service
  commit
  tell
}

installed_version() {
  found=$(clean "$bin" version 2>/dev/null </dev/null) || found='an unknown version'
  printf '%s' "${found#tailops }"
}

nothing_to_do() {
  [ -n "$was_active" ] && ready_now && cmp -s "$staged" "$bin" && [ -e "$config" ] &&
    unit_text | sed "s|^ExecStart=/usr/local/|ExecStart=$prefix/|" | cmp -s - "$unit_file"
}

dry_run() {
  say "This would be done on linux-$arch:"
  [ -z "$from" ] || [ -e "$from" ] || fail 2 "there is no file $from"
  if [ -x "$bin" ]; then say "  replace $bin, version $(installed_version)"; else say "  put the binary at $bin"; fi
  id "$user" >/dev/null 2>&1 || say "  add the system user $user"
  [ -e "$config" ] || say "  write $config: this machine, reading only"
  [ -d "$state_dir" ] || say "  make $state_dir"
  say "  write $unit_file"
  [ -e "$state_dir/tailops.db" ] || say '  make a first token and show it'
  [ -z "$start" ] || say "  enable and start $unit, and wait until it is ready"
  say 'Nothing was changed.'
}

port_is_free() {
  ! clean "$staged" health >/dev/null 2>&1 </dev/null || [ -n "$(listen_setting)" ] ||
    fail 1 'another TailOps answers on 127.0.0.1:8080' \
      "end it, or choose another port: mkdir -p $config_dir && echo TAILOPS_LISTEN=127.0.0.1:8081 >>$config_dir/tailops.env"
}

listen_setting() { sed -n 's/^TAILOPS_LISTEN=//p' "$config_dir/tailops.env" 2>/dev/null; }

add_user() {
  ! id "$user" >/dev/null 2>&1 || return 0
  note user
  if getent group "$user" >/dev/null 2>&1; then own_group="-g $user"; else own_group=-U; fi
  # shellcheck disable=SC2086
  useradd --system $own_group --home-dir "$state_dir" --no-create-home --shell /usr/sbin/nologin \
    --comment 'TailOps gateway' "$user" </dev/null || fail 1 "cannot add the system user $user"
}

remove_user() {
  ! id "$user" >/dev/null 2>&1 || userdel "$user" </dev/null 2>/dev/null
  ! getent group "$user" >/dev/null 2>&1 || groupdel "$user" </dev/null 2>/dev/null
}

add_folders() {
  make_dir "$config_dir" 750 "root:$user"
  make_dir "$state_dir" 700 "$user:$user"
  if [ ! -e "$config" ]; then config_text | put_file "$config" 640 "root:$user"; fi
}

check_config() {
  problems=$(as_service "$staged" validate-config "$config" 2>&1) || {
    [ -n "$problems" ] || fail 1 "the user $user cannot run $staged" 'may it enter the folders above it?'
    printf '%s\n' "$problems" >&2
    fail 1 "TailOps $new_version finds errors in $config" 'correct them and run this again'
  }
}

# As the service would: its user, its settings, its credentials.
as_service() {
  places="HOME=$state_dir TAILOPS_CONFIG=$config TAILOPS_STATE_DIR=$state_dir"
  if [ -n "$booted" ]; then
    set -- systemd-run --quiet --wait --pipe --collect -p User="$user" -p Group="$user" -p UMask=0077 \
      -p WorkingDirectory=/ -p "Environment=$places" -p EnvironmentFile=-$config_dir/tailops.env "$@"
    # systemctl show calls credentials unprintable.
    systemctl cat "$unit" 2>/dev/null | grep -E '^(Environment|EnvironmentFile|LoadCredential|LoadCredentialEncrypted)=.' \
      >"$run/properties" || true
    while read -r property; do
      shift
      set -- systemd-run -p "$property" "$@"
    done <"$run/properties"
  else
    # shellcheck disable=SC2086
    set -- runuser -u "$user" -- env -i PATH="$PATH" $places "$@"
  fi
  "$@" </dev/null
}

# The old version ends, its databases are kept (a newer one may change them in ways that it does not understand), the new
# one begins. systemd does it, so that the service runs again even when this script is killed in between.
switch_over() {
  note databases
  note stops
  # shellcheck disable=SC2016
  systemd-run --quiet --wait --collect --unit tailops-install-switch /bin/sh -c '
    systemctl stop "$1"
    mkdir "$2/databases" && cp -p "$3"/*.db* "$2/databases/" && : >"$2/databases/complete"
    kept=$?
    systemctl start "$1"
    exit "$kept"' sh "$unit" "$run" "$state_dir" </dev/null ||
    fail 1 'cannot keep a copy of the state' 'is the disk full?'
}

put_databases_back() {
  rm -f "$state_dir"/*.db-wal "$state_dir"/*.db-shm
  cp -p "$run/databases"/*.db* "$state_dir/"
}

swap_binary() {
  if [ -e "$bin" ]; then
    note swapped "$bin" "$old"
    ln "$bin" "$old" 2>/dev/null || cp -p "$bin" "$old"
  else
    note made "$bin"
  fi
  mv -f "$staged" "$bin"
}

enable_service() {
  ! systemctl --quiet is-enabled "$unit" 2>/dev/null || return 0
  note enabled
  systemctl --quiet enable "$unit" </dev/null || fail 1 "cannot enable $unit"
}

start_service() {
  note stops
  systemctl start "$unit" </dev/null || not_healthy
  restarts=$(restarts_of_unit)
  tries=0
  until ready_now; do
    tries=$((tries + 1))
    if [ "$tries" -ge 120 ] || ! still_tries; then not_healthy; fi
    sleep .2 2>/dev/null || sleep 1
  done
  # Ready once may be another program's answer: the same process must still be there a second later.
  first=$(main_pid)
  sleep 1
  if [ "$first" = 0 ] || [ "$(main_pid)" != "$first" ] || ! ready_now; then not_healthy; fi
}

main_pid() { systemctl show -p MainPID --value "$unit"; }

restarts_of_unit() { systemctl show -p NRestarts --value "$unit"; }

# Once it has ended, whether or not systemd will try again, it does not become ready by itself.
still_tries() {
  case $(systemctl show -p SubState --value "$unit") in auto-restart* | failed | dead) return 1 ;; esac
  [ "$(restarts_of_unit)" = "$restarts" ]
}

ready_now() {
  systemctl --quiet is-active "$unit" || return 1
  listen=$(tr '\000' '\n' <"/proc/$(main_pid)/environ" 2>/dev/null | sed -n 's/^TAILOPS_LISTEN=//p')
  clean TAILOPS_LISTEN="${listen:-127.0.0.1:8080}" "$bin" health >/dev/null 2>&1 </dev/null
}

not_healthy() {
  if command -v journalctl >/dev/null 2>&1; then
    say 'The last lines of its log:' >&2
    journalctl --unit "$unit" --lines 8 --no-pager --output cat >&2 </dev/null || true
  fi
  fail 1 "TailOps $new_version does not become ready" \
    "is its port taken? another one: mkdir -p $config_dir && echo TAILOPS_LISTEN=127.0.0.1:8081 >>$config_dir/tailops.env"
}

tell() {
  if [ "$before" = none ]; then say "TailOps $new_version is installed."; else say "TailOps $new_version is in the place of $before."; fi
  if [ -n "$start$was_active" ]; then
    say "It listens on ${listen:-127.0.0.1:8080} and is ready."
  else
    say 'It is not started: systemctl enable --now tailops'
  fi
  if [ -n "$token" ]; then
    printf '\nThe first token, shown only now, good for 90 days and for reading:\n\n  %s\n\n' "$token"
    printf 'An MCP client connects to http://%s/mcp with the header Authorization: Bearer TOKEN, as in\n' \
      "${listen:-127.0.0.1:8080}"
    printf '  claude mcp add --transport http tailops http://%s/mcp --header "Authorization: Bearer %s"\n\n' \
      "${listen:-127.0.0.1:8080}" "$token"
  fi
  say "What it may look after: $config (systemctl reload tailops takes changes over)"
}

# ---- Uninstalling

uninstall() {
  if [ -n "$dry" ]; then
    say "This would be removed: $unit, $bin and what updates left beside it${purge:+, $config_dir, $state_dir, the user $user}"
    return
  fi
  [ -z "$purge" ] || sure
  begin
  opened=
  if [ -n "$booted" ]; then systemctl --quiet disable --now "$unit" 2>/dev/null </dev/null || true; else systemctl --quiet disable "$unit" 2>/dev/null || true; fi
  rm -f "$unit_file" "$bin"
  # What tailops update keeps there, and what one that was cut off has left.
  rm -f "$bin.previous" "$bin.previous.new" "$bin.next" "$bin.update-pending" "$bin.update-lock" "$bin.update-lock-journal"
  [ -z "$purge" ] || rm -rf "$unit_file.d" "$config_dir" "$state_dir"
  # Folders that --prefix made, when nothing else is in them.
  [ "$prefix" = /usr/local ] || rmdir "$bin_dir" "$prefix" 2>/dev/null || true
  reload_units
  [ -z "$purge" ] || remove_user
  rm -rf "$run"
  if [ -n "$purge" ]; then say 'TailOps is removed, with its configuration and state.'; else
    say "TailOps is removed. $config_dir, $state_dir and the user $user stay; --uninstall --purge takes them too."
  fi
}

sure() {
  [ -z "$yes" ] || return 0
  # Whether there is a terminal is known by opening it.
  if ! { printf 'Remove %s and %s for ever? [y/N] ' "$config_dir" "$state_dir" >/dev/tty; } 2>/dev/null; then
    fail 2 '--purge removes the configuration and the audit log for ever' 'say --yes as well'
  fi
  read -r answer </dev/tty
  case $answer in y | Y | yes) ;; *) fail 2 'not confirmed' ;; esac
}

# ---- The files, as ct/tailops.service and the first configuration of tailops are

unit_text() {
  cat <<'END_OF_UNIT'
# The service of TailOps, as install.sh puts it into /etc/systemd/system. Do not edit it there: an upgrade writes it
# again. `systemctl edit tailops` adds a drop-in that stays; docs/install.md has those that people need.
[Unit]
Description=TailOps, the gateway between AI assistants and machines
After=network-online.target nss-lookup.target time-sync.target
Wants=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
# exec, not notify: a Bun program can only notify through a child process that must be trusted as well
# (NotifyAccess=all), or through bun:ffi. Readiness is asked for at /readyz.
Type=exec
User=tailops
Group=tailops
# Reads the journal of this machine.
SupplementaryGroups=systemd-journal
ExecStart=/usr/local/bin/tailops serve
# The shell's own kill: /bin/kill is not on every machine.
ExecReload=/bin/sh -c 'kill -HUP $MAINPID'
WorkingDirectory=/var/lib/tailops
Environment=HOME=/var/lib/tailops TAILOPS_CONFIG=/etc/tailops/targets.yaml TAILOPS_STATE_DIR=/var/lib/tailops
# Optional: TAILOPS_LISTEN=127.0.0.1:8081 and other settings.
EnvironmentFile=-/etc/tailops/tailops.env
# These would turn the program into a general interpreter, or open a debugger.
UnsetEnvironment=BUN_BE_BUN BUN_OPTIONS BUN_INSPECT BUN_INSPECT_NOTIFY BUN_INSPECT_CONNECT_TO BUN_INSPECT_PRELOAD BUN_CONFIG_PRELOAD NODE_OPTIONS NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT
# Secrets without a file that the service's user could read outside of it:
# LoadCredential=pve-token:/etc/tailops/pve-token
Restart=on-failure
RestartSec=2s
# Wrong usage and wrong configuration do not mend themselves.
RestartPreventExitStatus=2 78
# Calls that run are finished first.
TimeoutStopSec=75s
KillMode=mixed
StateDirectory=tailops
StateDirectoryMode=0700
UMask=0077
LimitNOFILE=65536
LimitCORE=0
TasksMax=512
MemoryHigh=1G
MemoryMax=1536M
OOMPolicy=continue

# What it may see and change.
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
PrivateIPC=yes
# Private users would hide the names of all others: every process and file would seem to be of nobody.
PrivateUsers=no
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
# Its own machine is one of its targets: it reads /proc/meminfo and counts processes.
ProcSubset=all
ProtectProc=default
RemoveIPC=yes

# What it may become and ask of the kernel.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
KeyringMode=private
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
# Netlink lists the addresses of this machine.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# Off: the just-in-time compiler writes what it executes. docs/install.md has the drop-in that trades speed for it.
MemoryDenyWriteExecute=no

[Install]
WantedBy=multi-user.target
END_OF_UNIT
}

config_text() {
  cat <<'END_OF_CONFIG'
# What TailOps may look after, and what it may do there.
# Nothing listed, nothing granted. Every key: docs/targets.md
# Check this file with: tailops validate-config
version: "1.0"

targets:
  # The machine TailOps runs on.
  local:
    executor: local
    capabilities: [system:read, network:read, file:read]
    constraints:
      file_roots: [/var/log] # folders that file tools may read

  # A machine reached by SSH:
  # web-1:
  #   executor: ssh
  #   connection:
  #     host: 192.168.1.100
  #     username: admin
  #     key_path: ~/.ssh/id_ed25519
  #     host_key: "SHA256:..." # as ssh-keygen -lf prints it
  #   capabilities: [system:read, network:read, container:read]
  #   metadata: { tags: [web] }
END_OF_CONFIG
}

# Cut anywhere, even here, a download is no program.
{ main "$@"; }
