# escape=`
FROM `
 nginx
