"""Small drawings as inline SVG, made on the server. Each says in words what it shows; texts in them are escaped."""
