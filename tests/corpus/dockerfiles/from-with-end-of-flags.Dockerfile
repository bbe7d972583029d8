FROM -- nginx
