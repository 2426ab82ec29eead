AND id < %(end)s AND get_bit(%(known)s, (id - %(first)s)::int) = 0
