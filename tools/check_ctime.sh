#!/usr/bin/env bash
# Runs every constant-time program under memcheck. The programs named ctime_control* leak on purpose: memcheck must
# report them, or the instrument is blind and the run fails.
#
#   tools/check_ctime.sh DIRECTORY
set -euo pipefail

directory=${1:?usage: tools/check_ctime.sh DIRECTORY}
passed=0 failed=0 controls=0

reports() { ! valgrind --quiet --error-exitcode=99 --track-origins="$2" "$1" >"$1.log" 2>&1; }

for program in "$directory"/ctime*; do
  [ -f "$program" ] && [ -x "$program" ] || continue
  case $(basename "$program") in
    ctime_control*)
      controls=$((controls + 1))
      # The leak has to be what stops it: without valgrind the program must succeed.
      if "$program" >/dev/null && reports "$program" no && grep -q 'depends on uninitialised' "$program.log"; then
        echo "$(basename "$program"): its leak was reported, as it must be"
        passed=$((passed + 1))
      else
        echo "$(basename "$program"): leaks on purpose and was not reported"
        failed=$((failed + 1))
      fi
      ;;
    *)
      if reports "$program" yes; then
        cat "$program.log"
        echo "$(basename "$program"): depends on a secret (or failed)"
        failed=$((failed + 1))
      else
        echo "$(basename "$program"): constant-time"
        passed=$((passed + 1))
      fi
      ;;
  esac
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$controls" -gt 0 ] && [ "$passed" -gt "$controls" ]
