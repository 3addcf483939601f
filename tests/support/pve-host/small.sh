#!/bin/sh
# small.sh FOLDER: the files of a container with BusyBox that begins at once and answers what ct/tailops-gateway.sh asks
# of one with systemd.
set -eu
cd "$1"
chmod 755 .
mkdir -p bin sbin dev proc sys tmp etc/profile.d root run/systemd/system usr/bin usr/local/bin www
cp "$(command -v busybox)" bin/busybox
for name in $(bin/busybox --list); do
  case $name in busybox | init | hostname) ;; *) ln -s busybox "bin/$name" ;; esac
done
printf 'root:x:0:0:root:/root:/bin/sh\n' >etc/passwd
printf 'root:x:0:\ntailops:x:900:\n' >etc/group
program() {
  cat >"$1"
  chmod 755 "$1"
}
program sbin/init <<'END'
#!/bin/sh
trap 'exit 0' TERM PWR
while :; do
  sleep 3600 &
  wait $!
done
END
# BusyBox's own env would take its own hostname.
program usr/bin/env <<'END'
#!/bin/sh
while :; do
  case $1 in *=*) export "$1" && shift ;; *) break ;; esac
done
[ "$1" != hostname ] || { shift && exec /bin/hostname "$@"; }
exec "$@"
END
program bin/hostname <<'END'
#!/bin/sh
if [ "${1:-}" = -I ]; then ip -4 -o addr show dev eth0 | awk '{ sub("/.*", "", $4); printf "%s ", $4 }'; else uname -n; fi
END
echo VERSION_CODENAME=bookworm >etc/os-release
# Installs a tailscale that writes down how it was called, and the key that it got.
mkdir -p etc/apt/sources.list.d usr/share/keyrings
program bin/apt-get <<'END'
#!/bin/sh
[ "$1" = install ] || exit 0
printf '#!/bin/sh\necho "$*" >/tailscale.log\ncat /run/tailops-authkey >>/tailscale.log\n' >/usr/bin/tailscale
chmod 755 /usr/bin/tailscale
END
program bin/systemctl <<'END'
#!/bin/sh
[ "$1" != is-system-running ] || echo running
END
