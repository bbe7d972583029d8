to_build="$work/dockerfile/${dockerfile##*/}"

own_frontend() { # copies the Dockerfile without a line "# syntax=" that asks for Docker's own frontend
  # That frontend is on Docker Hub, and the builder has one of its own. A blank comment keeps the numbers of the lines;
  # it follows the other directives, which end at the first comment:
  # https://docs.docker.com/reference/dockerfile/#parser-directives
  mkdir -p "${to_build%/*}"
  LC_ALL=C awk -v asked="$work/frontend" '
    NR == 1 { sub(/^\357\273\277/, "") }
    NR == 1 && /^#!/ { print; next }
    !body && tolower($0) ~ /^#[ \t]*(syntax|escape|check)[ \t]*=/ {
      frontend = $0
      sub(/^#[ \t]*[A-Za-z]+[ \t]*=[ \t]*/, "", frontend)
      sub(/[ \t\r].*/, "", frontend)
      docker = frontend ~ /^((index\.)?docker\.io\/)?docker\/dockerfile(-upstream)?([:@].*)?$/
      if (docker && tolower($0) ~ /^#[ \t]*syntax/) { blank = blank "#\n"; print frontend >asked } else print
      next
    }
    !body { printf "%s", blank; body = 1 }
    { print }' "$dockerfile" >"$to_build"
  if [ -f "$dockerfile.dockerignore" ]; then cp "$dockerfile.dockerignore" "$to_build.dockerignore"; fi
}
