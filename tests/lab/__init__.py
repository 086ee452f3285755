"""The proving ground: two real machines, and real OpenClaw state of every era on them.

    python -m tests.lab                      what it can do by hand

cached     folders that are made once: the base, disks, layers, programs
base       the Debian that all machines share, built once by mmdebstrap
guard      ends a lab with whoever started it, however that one ended
network    a switch and an address for each machine, without any route out
machine    one machine: systemd (or a lone sshd) as its first process, a disk, users, a home
lab        both of them, and the operator who runs the wizard
programs   Node, and OpenClaw of every era
providers  the stand-ins: a model provider, and Telegram's Bot API
furnish    state made by OpenClaw itself: onboarding, agents, turns, cron jobs, channels, a plugin
furnished  its disks, cached by version and by what they are made from
userlands  the kinds of machine that are tried; layers and bsd_tools make them
trees      hostile trees; carry takes them through the transfer
faults     what goes wrong: links (relay), disks, commands, keys, clocks; moving and tree_only meet the
           wizard with it
results    the table of what was tried, written by the run

Needs root, systemd-nspawn and a cgroup2 hierarchy. Nothing here listens or reaches outside the lab's
own network namespaces.
"""
