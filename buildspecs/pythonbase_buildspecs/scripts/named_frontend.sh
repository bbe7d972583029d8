to_build="$dockerfile"

own_frontend() { # builds the Dockerfile as it is: the pull-through cache has the frontend that it asks for
  :
}
