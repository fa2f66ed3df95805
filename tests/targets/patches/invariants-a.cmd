J versioned versioned_a
