# Pending updates as the package index on this machine knows them; nothing is refreshed. No arguments.
section() { printf '\036%s\n' "$1"; }
# Its output, then its exit code and the end of what it said on stderr.
run() {
  name=$1
  shift
  section "$name"
  { said=$("$@" 2>&1 >&3 3>&- </dev/null); code=$?; } 3>&1
  section "${name}_end"
  printf '%s %s\n' "$code" "$(printf '%s' "$said" | tail -n 3 | tr '\n' ' ')"
}
# A kernel whose modules are gone was replaced; without any modules (a container) there is nothing to tell it by.
modules() {
  if [ -d "/lib/modules/$(uname -r)" ]; then
    echo no
  else
    for other in /lib/modules/*/modules.dep; do
      [ -e "$other" ] && echo yes && break
    done
  fi
}

exec 2>/dev/null
export LC_ALL=C
words=" $(sed -n 's/^ID\(_LIKE\)*=//p' /etc/os-release | tr '"\n' '  ') "
case $words in
  *' debian '* | *' ubuntu '*) likely=apt-get ;;
  *' fedora '* | *' rhel '* | *' centos '*) likely=dnf ;;
  *' alpine '*) likely=apk ;;
  *suse*) likely=zypper ;;
  *' arch '*) likely=pacman ;;
  *) likely='' ;;
esac
manager=''
for manager in $likely apt-get dnf apk zypper pacman none; do
  command -v "$manager" >/dev/null && break
done
section manager
echo "$manager"
section now
date +%s
# The newest change of these is the last refresh; files of an index may carry the server's time, their folder does not.
index=''
case $manager in
  apt-get)
    # An empty name keeps apt from writing its caches.
    run list apt-get -s -q -o Debug::NoLocking=true -o APT::Get::Show-User-Simulation-Note=false \
      -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= dist-upgrade
    section reboot
    if [ -e /var/run/reboot-required ]; then
      echo yes
    elif [ -e /usr/share/update-notifier/notify-reboot-required ] || [ -e /etc/kernel/postinst.d/unattended-upgrades ]; then
      echo no
    fi
    for file in /var/lib/apt/lists/*_Packages*; do
      [ -e "$file" ] && index='/var/lib/apt/lists /var/lib/apt/lists/partial /var/lib/apt/periodic/update-success-stamp' && break
    done
    ;;
  dnf)
    run list dnf -C -q check-update
    run security dnf -C -q updateinfo list --security
    section installed
    rpm -qa --qf '%{NAME}.%{ARCH} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n'
    run needs dnf -C -q needs-restarting -r
    index='/var/cache/dnf/*/repodata/repomd.xml /var/cache/libdnf5/*/repodata/repomd.xml'
    ;;
  apk)
    run list apk --no-network version -l '<'
    section reboot
    modules
    index='/var/cache/apk/APKINDEX.*.tar.gz /etc/apk/cache/APKINDEX.*.tar.gz'
    ;;
  zypper)
    run list zypper -n -q --no-refresh list-updates
    run security zypper -n -q --no-refresh list-patches --category security
    run needs zypper -n -q --no-refresh needs-rebooting
    index='/var/cache/zypp/raw/*/repodata/repomd.xml /var/cache/zypp/raw/*/cookie'
    ;;
  pacman)
    run list pacman -Qu
    section reboot
    modules
    for file in /var/lib/pacman/sync/*.db; do
      [ -e "$file" ] && index='/var/lib/pacman/sync /var/lib/pacman/sync/*.db' && break
    done
    ;;
esac
section index
# shellcheck disable=SC2086 # constant patterns of ours
[ -n "$index" ] && stat -c %Y $index
exit 0
