# hello
# escape=`
FROM \
 nginx
