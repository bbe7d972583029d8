FROM --platform=bogus/x/y/z nginx
