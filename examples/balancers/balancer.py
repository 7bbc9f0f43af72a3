#!/usr/bin/env python3
"""A balancer for weir: keeps a text file with one server a line, "address weight id", for whatever reads such files.

    balancers:
      - {type: exec, command: [/usr/bin/python3, /etc/weir/balancer.py, /var/lib/router/app.txt]}

weir starts it once for each question: one JSON document on standard input, one on standard output. What goes to standard error is
shown in weir's message when something fails.
"""
import json
import os
import sys

PROTOCOL = 1


def peers_in(path):
    """The servers the file names now; none if there is no file yet."""
    peers = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                address, weight, server = line.rstrip("\n").split(" ", 2)
                peers.append({"server": server, "address": address, "weight": int(weight)})
    except FileNotFoundError:
        pass
    return peers


def text_of(peers):
    return "".join(f"{peer['address']} {peer['weight']} {peer['server']}\n" for peer in peers)


def replace(path, text):
    """In one step, so that nobody ever reads half a file."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)


def answer(question, path):
    if question["protocol"] != PROTOCOL:
        return {"error": {"kind": "invalid", "message": f"this program speaks version {PROTOCOL}"}}
    if question["verb"] == "read":
        # "connections" is left out: a file does not know who is connected, so weir waits for the whole drain timeout.
        return {"peers": peers_in(path), "in_force": os.path.exists(path)}
    if question["verb"] == "diff":
        return {}  # weir shows one of its own
    replace(path, text_of(question["peers"]))
    return {}


def main():
    question = json.load(sys.stdin)
    try:
        said = answer(question, sys.argv[1])
    except OSError as error:
        said = {"error": {"kind": "unavailable", "message": str(error)}}
    json.dump({"protocol": PROTOCOL, **said}, sys.stdout)


if __name__ == "__main__":
    main()
