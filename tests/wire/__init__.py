"""What goes over the wire, on real sockets."""
