# Deals source files out to groups of which each can be compiled as one: no two files of a group have the same name in their anonymous
# namespaces, and a file that hides there what a header of the house declares stays alone.
#   awk -v largest=8 -f unity_groups.awk HEADER.h… FILE.cpp…     prints "GROUP FILE" a line, "- FILE" for one that stays alone
# It relies on the house's format, which puts what a namespace holds at the start of a line.

function start(name) {
  finish()
  file = name
  hidden = 0
  delete mine
}

function finish(   group, name, fits) {
  if (file == "" || file ~ /\.h$/) return
  for (name in mine) if (name in declared) { print "- " file; return }
  for (group = 1; ; group++) {
    fits = size[group] < largest
    for (name in mine) if ((group, name) in taken) fits = 0
    if (fits) break
  }
  size[group]++
  for (name in mine) taken[group, name] = 1
  print group " " file
}

# What a line that starts with a word names: the last word before its body, value or parameters; a type's is the first, and a test's
# are its suite and itself.
function named(line,   words, count) {
  if (line ~ /^TEST(_F|_P)?\(/) { gsub(/[^A-Za-z0-9_]+/, " ", line); return line }
  sub(/[({=;[].*/, "", line)
  if (line ~ /^(class|struct|enum|union) /) { sub(/^(enum )?(class|struct|enum|union) /, "", line); sub(/[^A-Za-z0-9_].*/, "", line); return line }
  if (line ~ /^(template|namespace|public|private|protected|friend|return|requires)/ || line ~ /::[~A-Za-z0-9_]+ *$/) return ""
  count = split(line, words, /[^A-Za-z0-9_]+/)
  return words[count] != "" || count < 2 ? words[count] : words[count - 1]
}

FNR == 1 { start(FILENAME) }
/^namespace \{/ { hidden = 1 }
/^\} *\/\/ *namespace$/ { hidden = 0 }
/^(\[\[[a-z]+\]\] )?[A-Za-z]/ {
  sub(/^\[\[[a-z]+\]\] /, "")
  name = named($0)
  if (name == "") next
  if (file ~ /\.h$/) declared[name] = 1
  else if (hidden || name ~ /^TEST/) mine[name] = 1
}
END { finish() }
