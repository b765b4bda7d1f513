"""What if the values that are missing had been seen: drawn, shifted, or taken from another arm?"""
