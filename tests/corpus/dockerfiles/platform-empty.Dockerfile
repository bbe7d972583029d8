FROM --platform=$MISSING nginx
