"""The check-up of the installation: what is on this machine, and functions from that to findings."""
