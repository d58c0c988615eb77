"""What came of the experiments: rows, orders, files, pictures, and who found them."""
