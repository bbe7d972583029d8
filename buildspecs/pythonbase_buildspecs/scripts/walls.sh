# Docker Hub's names, for this host and for the steps of a Dockerfile.
docker_hub=(docker.io index.docker.io registry-1.docker.io auth.docker.io registry.hub.docker.com)

walls() { # <insert or delete>
  # Credentials of this host are at link-local addresses, where DNS may be too; the engine listens on a local TCP port.
  # What a step of RUN sends is forwarded, or arrives. ADD and its redirects are requests of the engine, which is here.
  local chain
  for chain in FORWARD INPUT OUTPUT; do
    iptables --wait "--$1" "$chain" --destination 169.254.0.0/16 --protocol tcp ! --dport 53 --syn --jump REJECT || return
  done
  iptables --wait "--$1" OUTPUT --out-interface lo --protocol tcp --dport 2375 --syn --jump REJECT
}

build_behind_walls() { # <option of the builder>...
  local status=0 closed
  closed=("${docker_hub[@]/%/:0.0.0.0}")
  # Said for each command: whoever calls this looks at its status, and then `set -e` ends nothing.
  walls insert || return
  DOCKER_HOST=unix:///var/run/docker.sock docker buildx build "${closed[@]/#/--add-host=}" "$@" || status=$?
  walls delete || return
  return "$status"
}
