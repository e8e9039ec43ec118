"""Rule books as folders of data: reading, checking, drawing and installing them."""
