# shellcheck shell=bash
# Sourced by the programs of the host of pve-host.sh: what they share. The folder above theirs holds all that there is.
set -u
state=${0%/*/*}
conf=$state/pve/lxc
read -r release <"$state/release"

# Writes the call down and lets the faults happen that the test asked for. A line of $state/fault is MODE NTH PATTERN: at
# the NTH call that matches (every one for 0). fail: nothing is done, exit 255. lie: nothing is done, exit 0. after: done,
# exit 255. taken: somebody else makes the container first. A name of a signal: sent to the process in $state/script, before
# anything is done.
begin() {
  local call mode nth pattern line=0
  call="${0##*/} $*"
  printf '%s\n' "${call//$'\n'/ }" >>"$state/calls"
  [ -s "$state/fault" ] || return 0
  while read -r mode nth pattern; do
    line=$((line + 1))
    # shellcheck disable=SC2254
    case $call in $pattern) is_due "$state/matched.$line" "$nth" || continue ;; *) continue ;; esac
    case $mode in
      fail) refuse 'a fault' ;;
      lie) exit 0 ;;
      after) trap 'exit 255' EXIT ;;
      taken) echo 'hostname: theirs' >"$conf/$2.conf" ;;
      *) kill "-$mode" "$(<"$state/script")" ;;
    esac
  done <"$state/fault"
}

is_due() {
  local count
  printf x >>"$1"
  count=$(<"$1")
  [ "$2" = 0 ] || [ "$2" = "${#count}" ]
}

effect() { printf '%s\n' "$*" >>"$state/effects"; }

refuse() {
  printf '%s\n' "$*" >&2
  exit 255
}

bad_parameter() { refuse "400 Parameter verification failed.
$1: $2"; }

# options NAME…: reads --name value, -name value and --name=value of "${given[@]}" into the map `option`, the rest into `rest`.
declare -A option=()
rest=()
options() {
  local known=" $* " name value
  while [ "${#given[@]}" -gt 0 ]; do
    case ${given[0]} in
      --) given=("${given[@]:1}") && rest+=("${given[@]}") && return ;;
      -?*)
        name=${given[0]#-} && name=${name#-}
        if [[ $name == *=* ]]; then
          value=${name#*=} name=${name%%=*} given=("${given[@]:1}")
        else
          [ "${#given[@]}" -ge 2 ] || refuse "400 Parameter verification failed."
          value=${given[1]} given=("${given[@]:2}")
        fi
        [[ $known == *" $name "* ]] || refuse "Unknown option: $name
400 unable to parse option"
        option[$name]=$value
        ;;
      *) rest+=("${given[0]}") && given=("${given[@]:1}") ;;
    esac
  done
}

# As Proxmox VE writes texts: control characters, colons and percent signs of them as %XX.
encoded() { printf '%s' "$1" | sed 's/:/%3A/g'; }

# Rows of a table: a name, then what is known of it, divided by tabs.
rows() { cat "$state/$1" 2>/dev/null; }
row() { awk -F '\t' -v name="$2" '$1 == name { print; found = 1 } END { exit !found }' "$state/$1" 2>/dev/null; }
add_row() {
  local IFS=$'\t' file=$1
  shift
  printf '%s\n' "$*" >>"$state/$file"
}
remove_row() {
  awk -F '\t' -v name="$2" '$1 != name' "$state/$1" >"$state/$1.new"
  mv "$state/$1.new" "$state/$1"
}
