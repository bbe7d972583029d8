FROM Nginx
