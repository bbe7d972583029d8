FrOm nginx:1.29 aS Web
From web
Copy --from=WEB /a /a
