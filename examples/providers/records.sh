#!/bin/sh
# A provider for weir in plain sh; protocol and configuration are described in docs/providers/exec.md. Its servers are records
# in a directory, one file each; put what really makes and removes a server into make_server and remove_server.
#
# A record is the server as weir wants to see it, a line of JSON, in STATE/TOKEN. sh cannot parse JSON, but it need not: weir writes
# each request on one line, without blanks and with its fields in a fixed order, and the texts that are cut out here are put back as
# they came, still escaped.
set -u
export LC_ALL=C

state=

# take NAME: the text member of that name among the first ones of $request, as it stands between its quotes.
take() { printf '%s\n' "$request" | sed -n 's/^[^{]*{[^{]*"'"$1"'":"\(\([^"\\]\|\\.\)*\)".*$/\1/p'; }

# group_name: the name of the request's group, which is its first member.
group_name() {
  rest=${request#*',"group":{"name":"'}
  printf '%s\n' "${rest%%'"'*}"
}

answer() { printf '{"id":%s%s}\n' "$id" "$1"; }
refuse() { answer ",\"error\":{\"kind\":\"$1\",\"message\":\"$2\"}"; }

# Whether a text can be the name of a file in $state.
is_name() {
  case $1 in
    '' | .* | *[!A-Za-z0-9._-]*) return 1 ;;
  esac
}

# make_server FILE: here a real provider would start a machine, tag it with the token, and learn its address. It must be able to find
# by the token what an earlier call, killed half way, has made already.
make_server() {
  printf '{"id":"%s","token":"%s","group":"%s","version":"%s","phase":"warming","launched_at":%s}\n' \
    "$token" "$token" "$(group_name)" "$(take version)" "$(date +%s)" >"$1.new" && mv "$1.new" "$1"
}

# remove_server FILE
remove_server() { rm -f "$1"; }

hello() {
  state=$(take state_directory)
  mkdir -p "$state/servers" && cd "$state/servers" || exit 1
  answer ',"protocol":1'
}

list() {
  # Names ending in .new are records that were never finished.
  servers=
  for file in *; do
    case $file in
      '*' | *.new) continue ;;
    esac
    record=$(cat "$file" 2>/dev/null) || { refuse unavailable "cannot read the record $file"; return; }
    servers=$servers${servers:+,}$record
  done
  answer ",\"servers\":[$servers]"
}

launch() {
  token=$(take token)
  is_name "$token" || { refuse invalid "this token cannot be the name of a file"; return; }
  # The same token is the same server.
  [ -e "$token" ] || make_server "$token" || { refuse unavailable "cannot write the record $token"; return; }
  answer ",\"server\":$(cat "$token")"
}

terminate() {
  server=$(take server)
  # What does not exist, or is another group's, is as good as gone.
  if is_name "$server" && [ -e "$server" ] && grep -q "\"group\":\"$(group_name)\"" "$server"; then
    remove_server "$server" || { refuse unavailable "cannot remove the record $server"; return; }
  fi
  answer ''
}

# The end of the input is weir's way to say that it is enough.
while IFS= read -r request; do
  id=${request#'{"id":'}
  id=${id%%,*}
  case $request in
    *,'"verb":"hello",'*) hello ;;
    *,'"verb":"list",'*) list ;;
    *,'"verb":"launch",'*) launch ;;
    *,'"verb":"terminate",'*) terminate ;;
    *) refuse invalid "this verb is not known here" ;;
  esac
done
