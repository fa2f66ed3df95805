J versioned versioned_b
