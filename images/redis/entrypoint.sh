#!/bin/sh
# Flags and configuration files alone mean "redis-server with these". A server in a container is reached from other
# containers, so that the mode that refuses them is off unless asked for.
set -e
case "${1:-}" in
  "" | -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "$1" = redis-server ]; then
  case " $* " in
    *" --protected-mode "*) ;;
    *) set -- "$@" --protected-mode no ;;
  esac
fi
exec "$@"
