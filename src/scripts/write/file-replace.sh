# Puts the text on standard input in the place of a file, as a whole or not at all.
# $1: its real path. $2: SHA-256 of what it holds now, or `absent`. $3: SHA-256 of the new text. $4: the root it is in.
# $5: owner `0:4`, $6: mode of a file that is made now.
# Killed at any point, the file is the old one or the new one; beside it may be left what the next run removes.
# shellcheck disable=SC3013,SC2015 # dash and busybox know -ef; `a && b || fail` is meant as it reads
export LC_ALL=C
umask 077
path=$1 old=$2 new=$3 root=$4
name=./${path##*/} fresh=./.${path##*/}.tailops-new backup=./.${path##*/}.tailops-backup

fail() {
  printf '%s\n' "$2" >&2
  exit "$1"
}
sum() {
  sha256sum <"$1" | cut -d ' ' -f 1
}
give_up() {
  rm -f "$fresh"
  fail "$@"
}
is_unchanged() {
  if [ -L "$name" ]; then return 1; fi
  if [ "$old" = absent ]; then [ ! -e "$name" ]; else [ -f "$name" ] && [ "$(sum "$name")" = "$old" ]; fi
}

# Enters the folder and asks the kernel where that is: from here on only names in it are used.
root=$(cd -P "$root" && readlink /proc/self/cwd) || fail 3 'the allowed root is gone'
cd -P "${path%/*}/" || fail 3 'the folder is gone'
here=$(readlink /proc/self/cwd && echo .)
here=${here%?.}
[ "${here%/}" = "${path%/*}" ] && [ . -ef "$here" ] || fail 3 'the folder is not where it was'
case $here/ in "${root%/}"/*) ;; *) fail 3 'the folder is outside the allowed root' ;; esac
if command -v flock >/dev/null; then
  exec 9<. && flock -n 9 || fail 7 'another change is being made in this folder'
fi
is_unchanged || fail 4 'the file is no longer what it was'

rm -f "$fresh"
(set -C && cat >"$fresh") || give_up 5 'the new text could not be written'
# What was cut short on its way here is not put in place.
[ "$(sum "$fresh")" = "$new" ] || give_up 5 'the new text did not arrive whole'
if [ "$old" = absent ]; then
  chmod "$6" "$fresh" 2>/dev/null || give_up 6 'the mode could not be set'
else
  [ "$(stat -c %u:%g "$fresh")" = "$5" ] || chown "$5" "$fresh" 2>/dev/null || give_up 6 "the owner $5 could not be kept"
  chmod "$6" "$fresh" 2>/dev/null || give_up 6 "the mode $6 could not be kept"
  if command -v chcon >/dev/null; then chcon --reference="$name" "$fresh" 2>/dev/null; fi
  rm -f "$backup"
  ln "$name" "$backup" 2>/dev/null || cp -p "$name" "$backup" || give_up 6 'the backup could not be made'
  [ ! -L "$backup" ] && [ "$(sum "$backup")" = "$old" ] || give_up 4 'the file is no longer what it was'
fi
sync "$fresh" 2>/dev/null || sync
is_unchanged || give_up 4 'the file is no longer what it was'
# With -T no folder that takes the name's place is moved into.
if mv --help 2>&1 | grep -q -e '-[a-zA-Z]*T'; then mv -fT "$fresh" "$name"; else mv -f "$fresh" "$name"; fi ||
  give_up 5 'the file could not be put in place'
sync . 2>/dev/null || sync
printf '%s\n' "$new"
