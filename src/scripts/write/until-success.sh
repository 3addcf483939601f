#!/bin/sh
# Runs a program again and again until it succeeds, for at most $1 seconds: until-success.sh SECONDS PROGRAM [ARGUMENT…]
# Ends as the last run of it ended. What the program does is the business of who named it.
set -u
left=$1
shift
began=$(date +%s)
while :; do
  "$@" </dev/null
  status=$?
  [ "$status" -eq 0 ] && exit 0
  # One that cannot be started will not become better.
  [ "$status" -ge 126 ] && [ "$status" -le 127 ] && exit "$status"
  [ $(($(date +%s) - began)) -ge "$left" ] && exit "$status"
  sleep 1
done
