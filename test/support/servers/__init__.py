"""Real servers on loopback for the system tests: free ports, data of their own, nothing left behind."""
