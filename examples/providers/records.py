#!/usr/bin/env python3
"""A provider for weir in Python; protocol and configuration are described in docs/providers/exec.md.

Its servers are records in a directory, one file each; put what really makes and removes a server into make_server and
remove_server. Requests are worked on by several threads, so that a slow launch does not keep a list waiting.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import sys
import threading
import time

PROTOCOL = 1


class Refusal(Exception):
    """An error that weir is told of: its kind says what weir can do about it."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class Provider:
    def __init__(self):
        self.directory = None
        self.lock = threading.Lock()

    def hello(self, request):
        self.directory = pathlib.Path(request["state_directory"]) / "servers"
        self.directory.mkdir(parents=True, exist_ok=True)
        return {"protocol": PROTOCOL}

    def list(self, _request):
        # All or nothing: an exception here becomes an error, never a list with something missing.
        return {"servers": [json.loads(path.read_text()) for path in sorted(self.directory.glob("*.json"))]}

    def launch(self, request):
        path = self.path_of(request["token"])
        if path is None:
            raise Refusal("invalid", "this token cannot be the name of a file")
        with self.lock:  # The same token is the same server, also when asked for twice at once.
            if not path.exists():
                self.make_server(path, request)
            return {"server": json.loads(path.read_text())}

    def terminate(self, request):
        path = self.path_of(request["server"])
        with self.lock:
            # What does not exist, or is another group's, is as good as gone.
            if path is not None and path.exists() and json.loads(path.read_text())["group"] == request["group"]["name"]:
                self.remove_server(path)
        return {}

    def make_server(self, path, request):
        """Here a real provider would start a machine, tag it with the token, and learn its address.

        It must be able to find by the token what an earlier call, killed half way, has made already.
        """
        record = {
            "id": request["token"],
            "token": request["token"],
            "group": request["group"]["name"],
            "version": request["version"],
            "phase": "warming",
            "launched_at": time.time(),
        }
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(record))
        unfinished.rename(path)

    def remove_server(self, path):
        path.unlink(missing_ok=True)

    def path_of(self, name):
        return self.directory / (name + ".json") if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name) else None


def main():
    provider = Provider()
    verbs = {"hello": provider.hello, "list": provider.list, "launch": provider.launch, "terminate": provider.terminate}
    output = threading.Lock()

    def work(line):
        request = json.loads(line)
        try:
            if request["verb"] not in verbs:
                raise Refusal("invalid", f"the verb {request['verb']} is not known here")
            answer = verbs[request["verb"]](request)
        except Refusal as refusal:
            answer = {"error": {"kind": refusal.kind, "message": str(refusal)}}
        except Exception as error:  # Nobody knows how far it came: weir will ask again.
            answer = {"error": {"kind": "unavailable", "message": f"{type(error).__name__}: {error}"}}
        with output:  # A line must be written in one piece.
            os.write(1, (json.dumps({"id": request["id"], **answer}) + "\n").encode())

    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        for line in sys.stdin:  # Its end is weir's way to say that it is enough.
            pool.submit(work, line)


if __name__ == "__main__":
    main()
