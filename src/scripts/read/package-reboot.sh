# Whether a reboot is due after packages were changed: yes, no or unknown. No arguments.
if [ -e /var/run/reboot-required ]; then
  echo yes
elif [ -e /usr/share/update-notifier/notify-reboot-required ] || [ -e /etc/kernel/postinst.d/unattended-upgrades ]; then
  echo no
else
  echo unknown
fi
