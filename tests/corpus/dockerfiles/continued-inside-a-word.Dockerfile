FROM pyt\
hon:3.13
