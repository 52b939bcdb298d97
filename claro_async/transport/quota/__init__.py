"""When a request may go: the key's quota, alone or shared with other clients of the key."""
