# Takes back what write/file-replace did: the backup goes into the file's place, or a file that was made is removed.
# $1: its real path. $2: SHA-256 of the old content, or `absent`. $3: SHA-256 of the new text. $4: the root it is in.
# A file that someone else changed since then is left alone.
# shellcheck disable=SC3013,SC2015 # dash and busybox know -ef; `a && b || fail` is meant as it reads
export LC_ALL=C
path=$1 old=$2 new=$3 root=$4
name=./${path##*/} fresh=./.${path##*/}.tailops-new backup=./.${path##*/}.tailops-backup

fail() {
  printf '%s\n' "$2" >&2
  exit "$1"
}
sum() {
  if [ -L "$1" ] || [ ! -f "$1" ]; then echo absent; else sha256sum <"$1" | cut -d ' ' -f 1; fi
}

root=$(cd -P "$root" && readlink /proc/self/cwd) || fail 3 'the allowed root is gone'
cd -P "${path%/*}/" || fail 3 'the folder is gone'
here=$(readlink /proc/self/cwd && echo .)
here=${here%?.}
[ "${here%/}" = "${path%/*}" ] && [ . -ef "$here" ] || fail 3 'the folder is not where it was'
case $here/ in "${root%/}"/*) ;; *) fail 3 'the folder is outside the allowed root' ;; esac
if command -v flock >/dev/null; then
  exec 9<. && flock -n 9 || fail 7 'another change is being made in this folder'
fi

rm -f "$fresh"
present=$(sum "$name")
if [ "$present" != "$old" ]; then
  [ "$present" = "$new" ] || fail 4 'the file was changed by someone else since then'
  if [ "$old" = absent ]; then
    rm -f "$name" || fail 5 'the file could not be removed'
  else
    [ "$(sum "$backup")" = "$old" ] || fail 5 'the backup is gone or changed'
    mv -f "$backup" "$name" || fail 5 'the backup could not be put in place'
  fi
  sync . 2>/dev/null || sync
fi
printf '%s\n' "$old"
